"""Functions, files and lines are those that other programs find in the same file.

LLVM's symbolizer says the same of all of them. Where elfutils' or binutils' do not, it
is they against LLVM and us; how they differ is of few kinds.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fixtures import agreement, anatomy, compilers, second_opinions
from tests.fixtures.agreement import Verdict
from tests.fixtures.anatomy import Functions
from tests.fixtures.compilers import Build
from tests.fixtures.second_opinions import Opinion

from symdepot.domain.symcache.reader import OpenSymCache

pytestmark = pytest.mark.slow

# Every byte of the small programs.
MOST = 2_000
AGREED = {Verdict.SAME, Verdict.OUTSIDE}


@dataclass(frozen=True)
class Case:
    build: Build
    program: Path
    symbols: OpenSymCache
    base: int
    functions: Functions
    own: Opinion


@pytest.fixture(scope="module", params=compilers.BUILDS, ids=str)
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    build: Build = request.param
    program = build.made(tmp_path_factory.mktemp("build"))
    symbols, base = agreement.opened(program), anatomy.base(program)
    code = anatomy.code(program)
    own = agreement.ours(symbols, code[:: len(code) // MOST + 1], base)
    return Case(build, program, symbols, base, Functions(program), own)


def test_all_is_as_llvm_has_it(case: Case) -> None:
    other = second_opinions.llvm(case.program, [*case.own])

    assert set(agreement.verdicts(case.own, other, case.functions)) <= AGREED
    are_one = case.functions.are_one
    assert set(agreement.strangers(case.own, other, are_one)) == set()


def test_binutils_differ_in_files_and_callers_alone(case: Case) -> None:
    """Of DWARF 5 alone: there they count files from one, and miss some inlined functions.

    Which are those whose addresses stand in a table, as clang has it.
    """
    other = second_opinions.binutils(case.program, [*case.own])

    found = agreement.verdicts(case.own, other, case.functions)

    assert set(found) <= {*AGREED, Verdict.OTHER_FILE, Verdict.OTHER_CALLERS}
    if "-gdwarf-4" in case.build.options:
        assert set(found) <= AGREED


def test_elfutils_differ_in_callers_alone(case: Case) -> None:
    """They do not look for callers in another unit, where Rust and `-flto` have them.

    In what is in no unit, as the C runtime is, they go on with the last line of one.
    """
    # They take 2 ms each.
    own = {address: case.own[address] for address in [*case.own][::5]}
    other = second_opinions.elfutils(case.program, [*own])

    found = agreement.verdicts(own, other, case.functions)

    assert set(found) <= {*AGREED, Verdict.OTHER_CALLERS, Verdict.NAME_ONLY}
    outside_of_dwarf = found.get(Verdict.NAME_ONLY, [])
    assert not any(place.line for a in outside_of_dwarf for place in own[a])


def test_a_function_begins_where_its_symbol_does(case: Case) -> None:
    for address in case.own:
        begins = [f.function_address for f in case.symbols.frames(address - case.base)]
        if begins:
            assert set(begins[:-1]) <= {None}
            assert begins[-1] is not None
            assert begins[-1] + case.base in case.functions.starts


def test_the_programs_have_what_is_hard(case: Case) -> None:
    functions = {said[-1].function for said in case.own.values() if said}
    languages = {
        frames[0].language
        for frames in map(case.symbols.frames, _relative(case))
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
