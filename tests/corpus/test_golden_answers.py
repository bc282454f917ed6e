"""What is found in the files of the corpus is what others find there, byte for byte."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests import environment
from tests.fixtures import symbolizer_comparison, symbolizers
from tests.fixtures.breakpad_text import BreakpadText
from tests.fixtures.elf_layout import Functions
from tests.fixtures.symbolizer_comparison import Verdict
from tests.fixtures.symbolizers import LocationsByAddress

from symdepot.domain.symcache.reader import OpenSymCache

CORPUS = environment.PROJECT.parent / "shared" / "corpus" / "symbolic"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside us"),
]

BREAKPADS = [
    "large_symbol.sym",
    "linux-crash.sym",
    "macos-crash.sym",
    "macos-crash.inlines.sym",
    "windows-crash.sym",
]
NEVER_STEP_INTO = 0xF00F00
"""The line of what a debugger is to pass over."""
FOLDED = {"__scrt_initialize_winrt", "__scrt_stub_for_acrt_initialize"}
"""Functions that the linker found to be the same as others, and put in one place."""


@dataclass(frozen=True)
class Case:
    """A file that LLVM reads, where its code is, and from where addresses count."""

    name: str
    code: range
    base: int = 0
    options: tuple[str, ...] = ()


ELF = Case("elf-crash.debug", range(0x401900, 0x409900, 3), 0x400000)
CASES = (
    Case("macho-crash.dwarf", range(0x100000D20, 0x10000DCA3, 3), 0x100000000),
    Case("helloworld", range(0x100003F44, 0x100003F8C), 0x100000000),
    Case(
        "2d10c42f-591d-3265-b147-78ba0868073f.dwarf-hidden",
        range(0x5A74, 0x453F8, 12),
    ),
    # By its symbols, parts and aliases have names of their own.
    Case(
        "hello-dwarf.exe",
        range(0x1000, 0x7C88, 3),
        options=("--relative-address", "--functions=short"),
    ),
    # Ours count from the beginning of the file, LLVM's from that of the code.
    Case("simple.wasm", range(2, 11), -0x89),
)


def opened(name: str, folder: Path) -> OpenSymCache:
    link = folder / name
    link.symlink_to(CORPUS / name)
    return symbolizer_comparison.opened(link)


def told(case: Case, folder: Path) -> tuple[LocationsByAddress, LocationsByAddress]:
    """Return what we and LLVM say of a file."""
    own = symbolizer_comparison.ours(opened(case.name, folder), case.code, case.base)
    return own, symbolizers.llvm(CORPUS / case.name, case.code, *case.options)


def test_of_elf_llvm_says_the_same(tmp_path: Path) -> None:
    own, other = told(ELF, tmp_path)

    functions = Functions(CORPUS / ELF.name)
    found = symbolizer_comparison.verdicts(own, other, functions)
    assert set(found) == {Verdict.SAME, Verdict.OUTSIDE}
    assert set(symbolizer_comparison.strangers(own, other, functions.are_one)) == set()


@pytest.mark.parametrize("packed", ["elf-crash.debug-zlib", "elf-crash.debug-zstd"])
def test_what_is_compressed_says_the_same_as_what_is_not(
    packed: str, tmp_path: Path
) -> None:
    plain, other = opened(ELF.name, tmp_path), opened(packed, tmp_path)
    addresses = range(0, 0x10000, 5)

    assert other.frames_at(addresses) == plain.frames_at(addresses)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_of_other_formats_llvm_says_the_same(case: Case, tmp_path: Path) -> None:
    own, other = told(case, tmp_path)

    found = symbolizer_comparison.verdicts(own, other, functions=range(0))
    assert set(found) <= {Verdict.SAME, Verdict.OUTSIDE}
    assert len(found.get(Verdict.OUTSIDE, [])) < 0.02 * len(own)
    assert set(symbolizer_comparison.strangers(own, other, _are_one)) == set()


def _are_one(name: str, other: str) -> bool:
    """Return whether names are the same but for underscores.

    Where a linker puts one before each, LLVM takes it off those of Mach-O, symbolic off
    those of PE, and there also off `__gdtoa`, which had none put before it.
    """
    return name.lstrip("_") == other.lstrip("_")


@pytest.mark.parametrize("name", BREAKPADS)
def test_of_breakpads_text_what_it_says_is_found(name: str, tmp_path: Path) -> None:
    text, symbols = BreakpadText(CORPUS / name), opened(name, tmp_path)
    addresses = [a for function in text.functions for a in function.span]

    own = symbolizer_comparison.ours(symbols, addresses, 0)

    assert own == {address: text.said(address) for address in addresses}
    public = {a: symbols.frames_at([a])[0][0].function for a in text.publics}
    assert public == text.publics


def test_of_pdb_breakpads_dump_of_it_says_the_same(tmp_path: Path) -> None:
    """But for functions that the linker found to be alike, and for hidden lines."""
    text, symbols = (
        BreakpadText(CORPUS / "windows-crash.sym"),
        opened("crash.pdb", tmp_path),
    )
    addresses = [a for function in text.functions for a in function.span]

    own = symbolizer_comparison.ours(symbols, addresses, 0)

    differing = set()
    for address, said in own.items():
        dumped = text.said(address)
        assert dumped is not None
        # The dump knows nothing of functions that are inlined.
        if said[-1][1:] != dumped[-1][1:] and dumped[-1].line != NEVER_STEP_INTO:
            differing.add(dumped[-1].function)
    assert differing == FOLDED
