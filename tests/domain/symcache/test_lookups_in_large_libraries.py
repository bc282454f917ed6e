"""In large libraries, nearly all lines agree with other symbolizers."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import symbolic
from tests import environment
from tests.fixtures import elf_layout, symbolizer_comparison, symbolizers
from tests.fixtures.elf_layout import Functions
from tests.fixtures.symbolizer_comparison import Verdict
from tests.fixtures.symbolizers import LocationsByAddress, Symbolizer

from symdepot.domain.formats import inspection

pytestmark = pytest.mark.slow

LIBC = Path("/lib/x86_64-linux-gnu/libc.so.6")
DEBUG = Path("/usr/lib/debug/.build-id")
RUST = Path(symbolic.__file__).with_name("_lowlevel__lib.so")
"""77 MB, compiled by rustc and gcc."""

ADDRESSES = 10_000


@dataclass(frozen=True)
class Library:
    program: Path
    own: LocationsByAddress
    functions: Functions

    @classmethod
    def of(cls, path: Path, folder: Path) -> "Library":
        program = folder / "library"
        program.symlink_to(path)
        code, base = elf_layout.code(program), elf_layout.base(program)
        addresses = code[:: len(code) // ADDRESSES]
        own = symbolizer_comparison.ours(
            symbolizer_comparison.opened(program), addresses, base
        )
        return cls(program, own, Functions(program))

    def verdicts(self, symbolizer: Symbolizer) -> dict[Verdict, float]:
        """Return the share of each verdict, of the addresses that are in functions."""
        other = symbolizer(self.program, [*self.own])
        found = symbolizer_comparison.verdicts(self.own, other, self.functions)
        inside = len(self.own) - len(found.pop(Verdict.OUTSIDE, ()))
        return {verdict: len(those) / inside for verdict, those in found.items()}


@pytest.fixture(scope="module")
def libc(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The C library of this machine: C with inlined functions, and assembler."""
    if not LIBC.exists():
        environment.require_or_skip("libc6-dbg", f"there is no {LIBC}")
    (found,) = inspection.inspect(LIBC, name=LIBC.name)
    build_id = str(found.code_id)
    debug = DEBUG / build_id[:2] / f"{build_id[2:]}.debug"
    if not debug.exists():
        environment.require_or_skip("libc6-dbg", f"there is no {debug}")
    return Library.of(debug, tmp_path_factory.mktemp("libc"))


@pytest.fixture(scope="module")
def rust(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.of(RUST, tmp_path_factory.mktemp("rust"))


def test_libc_agrees_with_llvm(libc: Library) -> None:
    """Except two functions that are only in the line table, by a fault of gcc."""
    found = libc.verdicts(symbolizers.llvm)

    assert found[Verdict.SAME] >= 0.998
    assert set(found) <= {Verdict.SAME, Verdict.NAME_ONLY}


def test_libc_agrees_with_elfutils(libc: Library) -> None:
    """Except those two, and callers of moved code, which elfutils does not find."""
    found = libc.verdicts(symbolizers.elfutils)

    assert found[Verdict.SAME] >= 0.998
    assert set(found) <= {Verdict.SAME, Verdict.NAME_ONLY, Verdict.OTHER_CALLERS}


def test_libc_lines_agree_with_binutils(libc: Library) -> None:
    """Files differ often: binutils counts them from one."""
    found = libc.verdicts(symbolizers.binutils)

    assert found[Verdict.SAME] >= 0.93
    assert found[Verdict.SAME] + found[Verdict.OTHER_FILE] >= 0.998
    assert set(found) <= {Verdict.SAME, Verdict.NAME_ONLY, Verdict.OTHER_FILE}


@pytest.mark.parametrize("symbolizer", [symbolizers.llvm, symbolizers.binutils])
def test_rust_agrees_entirely(rust: Library, symbolizer: Symbolizer) -> None:
    assert rust.verdicts(symbolizer) == {Verdict.SAME: 1}


@pytest.mark.parametrize("library", ["libc", "rust"])
def test_function_names_agree_with_llvm(
    library: str, request: pytest.FixtureRequest
) -> None:
    """Except aliases of the same function and its parts."""
    known: Library = request.getfixturevalue(library)
    other = symbolizers.llvm(known.program, [*known.own])

    are_one = known.functions.are_one
    assert set(symbolizer_comparison.strangers(known.own, other, are_one)) == set()
