"""What the tools of this machine print is found, and leads back to the source."""

import shutil
from pathlib import Path

import pytest
from tests.clients import surroundings
from tests.fixtures import compiled
from tests.fixtures.printing import printed

from symdepot.domain.crash_text import crash_parser
from symdepot.domain.crash_text.crash_parser import AddressSpan
from symdepot.domain.formats import inspection
from symdepot.domain.symcache import converter
from symdepot.domain.symcache.conversion import ObjectSelector
from symdepot.domain.symcache.reader import OpenSymCache

pytestmark = pytest.mark.slow

OUT_OF_BOUNDS = """\
#include <stdlib.h>
__attribute__((noinline)) static int poke(volatile char *p) {
    p[40] = 1;
    return p[3];
}
int main(int count, char **words) {
    volatile char *p = malloc(8);
    return poke(p) + count;
}
"""
ABORTS = """\
#include <stdlib.h>
__attribute__((noinline)) static void down(int n) {
    if (n) abort();
}
int main(int count, char **words) {
    down(count);
    return words == 0;
}
"""


def places(program: Path, spots: list[AddressSpan]) -> list[tuple[str, int]]:
    """The function and line of each spot in the program, the address of its call."""
    (found,) = inspection.inspect(program, name="a")
    into = program.with_suffix(".symcache")
    into.touch()
    converter.convert(program, ObjectSelector(found.debug_id, found.arch), into)
    opened = OpenSymCache.open(into)
    frames = [
        opened.frames(spot.offset - spot.is_return_address)[-1]
        for spot in spots
        if spot.module.name.endswith(f"/{program.name}")
    ]
    return [(frame.function, frame.line) for frame in frames]


def test_a_report_of_the_address_sanitizer_leads_to_the_source(tmp_path: Path) -> None:
    program = compiled.elf_program(
        tmp_path, source=OUT_OF_BOUNDS, options="-fsanitize=address"
    )

    report = printed(program, ASAN_OPTIONS="symbolize=0:detect_leaks=0")

    spots = crash_parser.find_addresses(report)
    assert places(program, spots)[:2] == [("poke", 3), ("main", 8)]
    assert all(report[s.start : s.end].startswith("(/") for s in spots)


def test_a_backtrace_of_gdb_with_its_mappings_leads_to_the_source(
    tmp_path: Path,
) -> None:
    gdb = shutil.which("gdb") or surroundings.lacking("gdb", "it is not installed")
    program = compiled.elf_program(tmp_path, source=ABORTS)
    bare = compiled.stripped(program).rename(tmp_path / "bare")
    program.rename(tmp_path / "kept")
    commands = ("set width 0", "run", "bt", "info proc mappings")

    session = printed(
        gdb, "-batch", "-nx", *(word for c in commands for word in ("-ex", c)), bare
    )

    spots = [
        spot
        for spot in crash_parser.find_addresses(session)
        if spot.module.name == str(bare) and spot.is_return_address
    ]
    assert {session[spot.start : spot.end] for spot in spots} == {"?? ()"}
    assert places((tmp_path / "kept").rename(program.with_name("bare")), spots)[:2] == [
        ("down", 3),
        ("main", 6),
    ]
