"""Sources of small programs, all different."""

_C = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct entry_@ { char name[32]; long seen; struct entry_@ *next; };
static struct entry_@ *table_@[64];
static unsigned spread_@(const char *word)
{
    unsigned mixed = @ + 1;
    while (*word)
        mixed = mixed * 31 + (unsigned char)*word++;
    return mixed % 64;
}
static struct entry_@ *entered_@(const char *word)
{
    struct entry_@ **place = &table_@[spread_@(word)];
    for (struct entry_@ *known = *place; known; known = known->next)
        if (!strcmp(known->name, word))
            return known;
    struct entry_@ *made = calloc(1, sizeof *made);
    strncpy(made->name, word, sizeof made->name - 1);
    made->next = *place;
    return *place = made;
}
int main(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        printf("%s %ld\\n", argv[i], ++entered_@(argv[i])->seen);
    return 0;
}
"""

_CPP = """
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
namespace depot_@ {
template <typename Key, int Shelf> struct Book {
    std::map<Key, std::string> pages;
    std::unordered_map<std::string, std::vector<Key>> index;
    void write(Key key, std::string text)
    {
        index[text].push_back(key);
        pages.emplace(std::move(key), std::move(text));
    }
    std::size_t count(const std::function<bool(const std::string &)> &wanted) const
    {
        return Shelf + std::count_if(pages.begin(), pages.end(),
            [&](const auto &page) { return wanted(page.second); });
    }
};
template <int Shelf> std::size_t filled(int pages)
{
    auto book = std::make_unique<Book<long, Shelf>>();
    for (int page = 0; page < pages; page++)
        book->write(page * Shelf, std::to_string(page % 7));
    return book->count([](const std::string &text) { return text == "3"; });
}
}
int main(int argc, char **)
{
    using namespace depot_@;
    return std::printf("%zu\\n", filled<1>(argc) + filled<@ + 2>(argc)) < 0;
}
"""


def source(language: str, number: int) -> str:
    """Return the source of a program in `language`, which is "c" or "cpp".

    Those of two numbers have no name in common, so that their debug information
    differs as that of two programs does.
    """
    return {"c": _C, "cpp": _CPP}[language].replace("@", str(number))
