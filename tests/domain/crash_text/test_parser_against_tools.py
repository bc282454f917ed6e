"""Addresses printed by installed tools are found, and resolve to the source."""

import shutil
from pathlib import Path

import pytest
from tests import environment
from tests.fixtures import compiled
from tests.fixtures.command_output import output_of

from symdepot.domain.crash_text import address_spans
from symdepot.domain.crash_text.address_spans import AddressSpan
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


def resolved(program: Path, spans: list[AddressSpan]) -> list[tuple[str, int]]:
    """Return function and line of the call at each span in the program."""
    (found,) = inspection.inspect(program, name="a")
    into = program.with_suffix(".symcache")
    into.touch()
    converter.convert(program, ObjectSelector(found.debug_id, found.arch), into)
    opened = OpenSymCache.open(into)
    frames = [
        opened.frames_at([span.offset - span.is_return_address])[0][-1]
        for span in spans
        if span.module.name.endswith(f"/{program.name}")
    ]
    return [(frame.function, frame.line) for frame in frames]


def test_resolves_a_report_of_the_address_sanitizer(tmp_path: Path) -> None:
    program = compiled.elf_program(
        tmp_path, source=OUT_OF_BOUNDS, options="-fsanitize=address"
    )

    report = output_of(program, ASAN_OPTIONS="symbolize=0:detect_leaks=0")

    spans = address_spans.find_addresses(report)
    assert resolved(program, spans)[:2] == [("poke", 3), ("main", 8)]
    assert all(report[s.start : s.end].startswith("(/") for s in spans)


def test_resolves_a_gdb_backtrace_with_mappings(
    tmp_path: Path,
) -> None:
    gdb = shutil.which("gdb") or environment.require_or_skip(
        "gdb", "it is not installed"
    )
    program = compiled.elf_program(tmp_path, source=ABORTS)
    bare = compiled.stripped(program).rename(tmp_path / "bare")
    program.rename(tmp_path / "kept")
    commands = ("set width 0", "run", "bt", "info proc mappings")

    session = output_of(
        gdb, "-batch", "-nx", *(word for c in commands for word in ("-ex", c)), bare
    )

    spans = [
        span
        for span in address_spans.find_addresses(session)
        if span.module.name == str(bare) and span.is_return_address
    ]
    assert {session[span.start : span.end] for span in spans} == {"?? ()"}
    assert resolved((tmp_path / "kept").rename(program.with_name("bare")), spans)[
        :2
    ] == [
        ("down", 3),
        ("main", 6),
    ]
