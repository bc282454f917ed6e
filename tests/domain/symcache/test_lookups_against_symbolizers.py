"""Functions, files and lines agree with other symbolizers on the same programs.

LLVM's agrees everywhere. Those of elfutils and binutils differ in a few known ways.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fixtures import compilers, elf_layout, symbolizer_comparison, symbolizers
from tests.fixtures.compilers import Build
from tests.fixtures.elf_layout import Functions
from tests.fixtures.symbolizer_comparison import Verdict
from tests.fixtures.symbolizers import LocationsByAddress

from symdepot.domain.symcache.reader import OpenSymCache

pytestmark = pytest.mark.slow

# Every byte of the small programs.
MAX_ADDRESSES = 2_000
AGREED = {Verdict.SAME, Verdict.OUTSIDE}


@dataclass(frozen=True)
class Case:
    build: Build
    program: Path
    symbols: OpenSymCache
    base: int
    functions: Functions
    own: LocationsByAddress


@pytest.fixture(scope="module", params=compilers.BUILDS, ids=str)
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    build: Build = request.param
    program = build.made(tmp_path_factory.mktemp("build"))
    symbols, base = symbolizer_comparison.opened(program), elf_layout.base(program)
    code = elf_layout.code(program)
    own = symbolizer_comparison.ours(
        symbols, code[:: len(code) // MAX_ADDRESSES + 1], base
    )
    return Case(build, program, symbols, base, Functions(program), own)


def test_everything_agrees_with_llvm(case: Case) -> None:
    other = symbolizers.llvm(case.program, [*case.own])

    assert (
        set(symbolizer_comparison.verdicts(case.own, other, case.functions)) <= AGREED
    )
    are_one = case.functions.are_one
    assert set(symbolizer_comparison.strangers(case.own, other, are_one)) == set()


def test_binutils_differs_only_in_files_and_callers(case: Case) -> None:
    """Only with DWARF 5: binutils counts files from one there.

    It also misses inlined functions whose addresses are in a table, as in clang's.
    """
    other = symbolizers.binutils(case.program, [*case.own])

    found = symbolizer_comparison.verdicts(case.own, other, case.functions)

    assert set(found) <= {*AGREED, Verdict.OTHER_FILE, Verdict.OTHER_CALLERS}
    if "-gdwarf-4" in case.build.options:
        assert set(found) <= AGREED


def test_elfutils_differs_only_in_callers(case: Case) -> None:
    """It does not look for callers in other units, as in Rust and with `-flto`.

    In code without a unit, such as the C runtime, it returns the last line of one.
    """
    # It takes 2 ms per address.
    own = {address: case.own[address] for address in [*case.own][::5]}
    other = symbolizers.elfutils(case.program, [*own])

    found = symbolizer_comparison.verdicts(own, other, case.functions)

    assert set(found) <= {*AGREED, Verdict.OTHER_CALLERS, Verdict.NAME_ONLY}
    outside_of_dwarf = found.get(Verdict.NAME_ONLY, [])
    assert not any(place.line for a in outside_of_dwarf for place in own[a])


def test_functions_start_at_their_symbols(case: Case) -> None:
    for address in case.own:
        (found,) = case.symbols.frames_at([address - case.base])
        begins = [f.function_address for f in found]
        if begins:
            assert set(begins[:-1]) <= {None}
            assert begins[-1] is not None
            assert begins[-1] + case.base in case.functions.starts


def test_the_programs_cover_inlining_and_cold_parts(case: Case) -> None:
    functions = {found[-1].function for found in case.own.values() if found}
    languages = {
        frames[0].language
        for frames in case.symbols.frames_at(_relative(case))
        if frames and frames[0].line
    }

    assert languages >= {case.build.language}
    if "-O0" in case.build.options:
        return
    assert max(map(len, case.own.values())) >= 6
    if case.build.compiler in {"gcc", "g++"}:
        assert any(name.endswith(".cold") for name in functions)


def _relative(case: Case) -> list[int]:
    return [address - case.base for address in case.own]
