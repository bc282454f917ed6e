"""Debug files made on the spot, by the compiler of the machine."""

import re
import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from uuid import UUID, uuid4

from tests import environment

_SOURCES = {
    ".c": """
#include <stdio.h>
struct greeting { const char *text; int times; };
static int greet(const struct greeting *said)
{
    for (int i = 0; i < said->times; i++)
        puts(said->text);
    return said->times;
}
int main(int argc, char **argv)
{
    struct greeting said = { "hello " MARK, argc };
    return greet(&said) == 0;
}
""",
    ".cpp": """
#include <map>
#include <string>
#include <cstdio>
namespace greetings {
template <typename Key> struct Book {
    std::map<Key, std::string> pages;
    const std::string &page(const Key &key) { return pages[key]; }
};
}
int main(int argc, char **)
{
    greetings::Book<int> book;
    book.pages[argc] = "hello " MARK;
    return std::puts(book.page(argc).c_str()) < 0;
}
""",
    # The comments are what Unity's il2cpp writes, and sentry-cli reads.
    ".il2cpp.c": """
#include <stdio.h>
int helper(int x)
{
    //<source_info:/game/Player.cs:17>
    return x * 2;
}
int main(void)
{
    //<source_info:/game/Main.cs:42>
    puts("hello " MARK);
    //<source_info:/game/Main.cs:43>
    return helper(0);
}
""",
}
_BUILD_ID = re.compile(r"Build ID: ([0-9a-f]{40})")
_COMPRESSED = re.compile(r"\bZLIB, ([0-9a-f]+),")
_SECTION_AT = re.compile(r"\] \.debug_info\s+PROGBITS\s+[0-9a-f]+ +([0-9a-f]+)")
_UNPACKED_SIZE_AT = 8
_UNPACKED_SIZE = Struct("<Q")
_LIE = 64 << 30


def compiled(folder: Path, name: str = "hello", *, source: str = ".c") -> Path:
    """Make a program with debug information, unlike any made before."""
    code = folder / f"{name}{source}"
    code.write_text(_SOURCES[source])
    path = folder / name
    compiler = environment.program("g++" if source == ".cpp" else "gcc")
    options = ("-g", "-Wl,--build-id", f'-DMARK="{uuid4()}"')
    _run([compiler, *options, "-o", str(path), str(code)])
    return path


def companion(path: Path) -> Path:
    """Make the file that has only the debug information of `path`."""
    made = path.with_name(f"{path.name}.debug")
    _objcopy("--only-keep-debug", str(path), str(made))
    return made


def stripped(path: Path) -> Path:
    """Make what is left of `path` without debug information."""
    made = path.with_name(f"{path.name}.stripped")
    _run([environment.program("strip"), "-o", str(made), str(path)])
    return made


def enlarged(path: Path, content: bytes) -> Path:
    """Put `content` into `path`, as a section of its own."""
    section = path.with_name(f"{path.name}.section")
    section.write_bytes(content)
    _objcopy(f"--add-section=.filling={section}", str(path))
    section.unlink()
    return path


@dataclass(frozen=True, slots=True)
class Series:
    """Programs that differ in their build id and in their filling, made in no time."""

    content: bytes
    build_id: bytes
    filling: bytes

    @classmethod
    def of(cls, folder: Path, *, filling_bytes: int) -> "Series":
        """Compile the first of a series."""
        folder.mkdir()
        filling = secrets.token_bytes(filling_bytes)
        path = enlarged(compiled(folder), filling)
        return cls(path.read_bytes(), _build_id(path), filling)

    def next(self) -> bytes:
        """Return a program unlike all others."""
        return self.content.replace(
            self.build_id, secrets.token_bytes(len(self.build_id))
        ).replace(self.filling, secrets.token_bytes(len(self.filling)))


def lying(path: Path) -> tuple[Path, int]:
    """Let a compressed section say that it unpacks to 64 GiB.

    Nothing shows that before the section is unpacked, so clients take the file for a
    sound one. Returns how many bytes all sections together say that they unpack to.
    """
    _objcopy("--compress-debug-sections=zlib-gabi", str(path))
    told = _run([environment.program("readelf"), "--wide", "-S", str(path)])
    offset = _SECTION_AT.search(told)
    assert offset, told
    content = bytearray(path.read_bytes())
    _UNPACKED_SIZE.pack_into(content, int(offset[1], 16) + _UNPACKED_SIZE_AT, _LIE)
    path.write_bytes(content)
    details = _run([environment.program("readelf"), "--wide", "-t", str(path)])
    return path, sum(int(size, 16) for size in _COMPRESSED.findall(details))


def symbols() -> bytes:
    """Return a small symbol file of Breakpad's, unlike any made before.

    Source: Breakpad's docs/symbol_files.md.
    """
    return (
        f"MODULE Linux x86_64 {uuid4().hex.upper()}0 hello\n"
        "FILE 0 hello.c\n"
        "FUNC 1000 10 0 main\n"
        "1000 10 3 0\n"
    ).encode()


def debug_id(path: Path) -> str:
    """Return the id by which debug files of a program for this machine are known.

    Read by binutils and put together by the standard library: the first sixteen bytes
    of the build id are a GUID of a little-endian machine.
    """
    return str(UUID(bytes_le=_build_id(path)[:16]))


def _build_id(path: Path) -> bytes:
    told = _run([environment.program("readelf"), "-n", str(path)])
    found = _BUILD_ID.search(told)
    assert found, told
    return bytes.fromhex(found[1])


def _objcopy(*arguments: str) -> None:
    _run([environment.program("objcopy"), *arguments])


def _run(command: Sequence[str]) -> str:
    return subprocess.run(  # noqa: S603 -- binutils and a compiler, on our own files
        command,
        env={**environment.inherited(), "LC_ALL": "C"},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
