"""Symbols of Mach-O, PE and PDB files end with their section."""

from pathlib import Path
from uuid import UUID

import pytest
from tests import environment

from symdepot.domain.formats import inspection
from symdepot.domain.formats.code_sections import code_sections
from symdepot.domain.symcache.conversion import ObjectSelector
from symdepot.domain.symcache.reader import OpenSymCache
from symdepot.sandbox import operations

CORPUS = environment.PROJECT.parent / "shared" / "corpus" / "symbolic"
MACHO = [range(0xD20, 0xDCA3), range(0xDCA4, 0xDF38), range(0xDF38, 0xE36C)]
MSVC = [range(0x1000, 0x391B)]

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="there is no corpus beside us"
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("macho-crash", MACHO),
        ("macho-crash.dwarf", MACHO),
        ("helloworld", [range(0x3F44, 0x3F8C), range(0x3F8C, 0x3F98)]),
        ("crash.exe", MSVC),
        ("crash.pdb", MSVC),
        ("hello-dwarf.exe", [range(0x1000, 0x7C88)]),
        ("portable.pdb", []),
        ("simple.wasm", []),
        ("linux-crash.sym", []),
    ],
)
def test_code_sections(name: str, expected: list[range]) -> None:
    """Source: llvm-objdump -h; llvm-readobj --sections; llvm-pdbutil dump."""
    path = CORPUS / name
    found, *_ = inspection.inspect(path, name=name)

    assert code_sections(path, found.debug_id.uuid) == expected


def test_a_slice_has_the_sections_of_its_id() -> None:
    assert code_sections(CORPUS / "macho-crash", UUID(int=7)) == []


@pytest.mark.parametrize(
    ("name", "last", "end"),
    [
        ("macho-crash", "_ZN12_GLOBAL__N_18callbackEPKcS1_Pvb", 0xDCA3),
        ("crash.pdb", "memcpy", 0x391B),
    ],
)
def test_the_last_symbol_ends_with_its_section(
    tmp_path: Path, name: str, last: str, end: int
) -> None:
    target = tmp_path / "symcache"
    target.touch()
    (found,) = inspection.inspect(CORPUS / name, name=name)
    selector = ObjectSelector(found.debug_id, found.arch)

    operations.convert(CORPUS / name, selector, target)

    asked = end - 1, end, 0x900_0000
    inside, *outside = OpenSymCache.open(target).frames_at(asked)
    assert ([frame.function for frame in inside], outside) == ([last], [[], []])
