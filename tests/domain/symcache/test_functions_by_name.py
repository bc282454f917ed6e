"""Start addresses of functions are found by name in a symcache."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import a_breakpad_file
from tests.fixtures import compiled
from tests.fixtures.command_output import output_of

from symdepot.domain.formats import inspection
from symdepot.domain.symcache import converter, functions_by_name
from symdepot.domain.symcache.conversion import ObjectSelector, SymCacheWritten
from symdepot.domain.symcache.reader import OpenSymCache

LONG = "f" * 300
"""Its length is two bytes in LEB128."""
NAMESAKES = """\
static inline __attribute__((always_inline)) int inlined(int x) { return x * 3; }
__attribute__((noinline)) int one(int x) { return inlined(x) + 1; }
__attribute__((noinline)) int other(int x) { return inlined(x) + 2; }
int main(int count, char **words) { return one(count) + other(count); }
"""


def opened(folder: Path, source: Path) -> OpenSymCache:
    (found,) = inspection.inspect(source, name="a")
    into = folder / "symcache"
    into.touch()
    made = converter.convert(source, ObjectSelector(found.debug_id, found.arch), into)
    assert isinstance(made, SymCacheWritten)
    return OpenSymCache.open(into)


def test_addresses_agree_with_the_symbol_table(tmp_path: Path) -> None:
    program = compiled.elf_program(tmp_path, source=NAMESAKES)
    words = [line.split() for line in output_of("nm", program).splitlines()]
    table = {name: int(at, 16) for at, kind, name in (w for w in words if len(w) == 3)}

    found = opened(tmp_path, program).addresses_of(["one", "other", "main", "inlined"])

    assert {name: set(at) for name, at in found.items()} == {
        "one": {table["one"]},
        "other": {table["other"]},
        "main": {table["main"]},
        "inlined": set(),
    }


def test_duplicate_long_and_unknown_names(tmp_path: Path) -> None:
    records = [
        f"FUNC {at:x} 10 0 {name}" for at, name in ((16, "a"), (64, "a"), (80, LONG))
    ]
    path = tmp_path / "a.sym"
    path.write_bytes(a_breakpad_file(records=records))

    found = opened(tmp_path, path).addresses_of(["a", LONG, LONG[1:], "", "b", "ü"])

    assert found == {"a": [16, 64], LONG: [80], LONG[1:]: [], "": [], "b": [], "ü": []}


@pytest.mark.parametrize("size", [0, 7, 40, 79, 81])
def test_other_files_have_no_functions(size: int) -> None:
    assert functions_by_name.function_addresses(memoryview(b"\xff" * size), ["a"]) == {
        "a": []
    }


@given(st.binary(max_size=200))
def test_never_raises(content: bytes) -> None:
    found = functions_by_name.function_addresses(memoryview(content), ["a", "b"])

    assert set(found) == {"a", "b"}
