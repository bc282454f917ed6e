"""Which of several files with the wanted id serves a query best."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from tests.factories import an_object

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection import ranking
from symdepot.domain.selection.file_query import AgeMatch, FileQuery, FileRole

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
PDB_ID = DebugId.parse("3249d99d-0c40-4931-8610-f4e4fb0b6936-2")


def elf(kind: str, *features: str, **differing: Any) -> ObjectFile:
    usual = {"kind": kind, "features": frozenset(features), "code_id": BUILD_ID}
    return an_object(**{**usual, **differing})


STRIPPED = elf("exe", "unwind")
WITH_TABLE = elf("exe", "symtab", "unwind")
UNSTRIPPED = elf("exe", "symtab", "debug", "unwind")
COMPANION = elf("dbg", "symtab", "debug")
COMPANION_WITHOUT_DWARF = elf("dbg", "symtab")
EMPTY_COMPANION = elf("dbg")


def query_for(role: FileRole, *formats: Format, **differing: Any) -> FileQuery:
    usual: dict[str, Any] = {"code_ids": (BUILD_ID,)}
    return FileQuery(role, frozenset(formats or {Format.ELF}), **{**usual, **differing})


def best(candidates: Sequence[ObjectFile], query: FileQuery) -> ObjectFile | None:
    place = ranking.best_match(candidates, query)
    return None if place is None else candidates[place]


@pytest.mark.parametrize("companion", [COMPANION, COMPANION_WITHOUT_DWARF])
def test_a_companion_never_serves_as_an_executable(companion: ObjectFile) -> None:
    query = query_for(FileRole.EXECUTABLE)

    assert best([companion], query) is None
    assert best([companion, STRIPPED, companion], query) == STRIPPED


@pytest.mark.parametrize("program", [STRIPPED, WITH_TABLE])
def test_a_program_without_dwarf_never_serves_as_debuginfo(program: ObjectFile) -> None:
    assert best([program], query_for(FileRole.DEBUGINFO)) is None


def test_an_empty_companion_never_serves_as_debuginfo() -> None:
    assert best([EMPTY_COMPANION], query_for(FileRole.DEBUGINFO)) is None


def test_an_unstripped_file_serves_both_roles() -> None:
    assert best([UNSTRIPPED], query_for(FileRole.DEBUGINFO)) == UNSTRIPPED
    assert best([UNSTRIPPED], query_for(FileRole.EXECUTABLE)) == UNSTRIPPED


def test_dwarf_is_better_than_a_symbol_table_in_any_order() -> None:
    query = query_for(FileRole.DEBUGINFO)

    assert best([COMPANION_WITHOUT_DWARF], query) == COMPANION_WITHOUT_DWARF
    for order in permutations([COMPANION_WITHOUT_DWARF, COMPANION, STRIPPED]):
        assert best(order, query) == COMPANION
    for order in permutations([COMPANION_WITHOUT_DWARF, UNSTRIPPED]):
        assert best(order, query) == UNSTRIPPED


def test_the_smaller_of_two_equal_files_is_best() -> None:
    for order in permutations([UNSTRIPPED, COMPANION, STRIPPED]):
        assert best(order, query_for(FileRole.DEBUGINFO)) == COMPANION
        assert best(order, query_for(FileRole.EXECUTABLE)) == STRIPPED


def test_the_newest_of_equal_files_is_best() -> None:
    newest, oldest = (elf("dbg", "debug", arch=arch) for arch in ("x86_64", "x86"))

    assert best([newest, oldest], query_for(FileRole.DEBUGINFO)) == newest
    assert best([oldest, newest], query_for(FileRole.DEBUGINFO)) == oldest


def test_the_name_is_a_part_of_the_code_id_of_windows() -> None:
    code_id = CodeId("5ab380779000")
    wanted, other, nameless = (
        an_object(format=Format.PE, kind="exe", code_id=code_id, name=name)
        for name in ("Crash.EXE", "setup.exe", "executable")
    )
    query = query_for(
        FileRole.EXECUTABLE, Format.PE, code_ids=(code_id,), name="crash.exe"
    )

    for order in permutations([wanted, other]):
        assert best(order, query) == wanted
    assert best([other], query) is None
    assert best([other, nameless], query) == nameless
    assert best([other], replace(query, name="")) == other


def test_full_ids_count_under_any_name() -> None:
    query = query_for(FileRole.EXECUTABLE, name="renamed")

    assert best([STRIPPED], query) == STRIPPED


def test_the_pdb_of_the_nearest_age_is_best() -> None:
    younger, exact, older, oldest = (
        an_object(format=Format.PDB, kind=None, debug_id=DebugId(PDB_ID.uuid, age))
        for age in (1, 2, 3, 9)
    )
    query = query_for(
        FileRole.DEBUGINFO,
        Format.PDB,
        code_ids=(),
        debug_ids=(PDB_ID,),
        age=AgeMatch.AT_LEAST,
    )

    for order in permutations([younger, exact, older, oldest]):
        assert best(order, query) == exact
    for order in permutations([younger, older, oldest]):
        assert best(order, query) == older
    assert best([younger], query) is None


def test_the_newest_portable_pdb_is_best_whatever_its_time_stamp() -> None:
    far, near = (
        an_object(
            format=Format.PORTABLE_PDB, kind=None, debug_id=DebugId(PDB_ID.uuid, stamp)
        )
        for stamp in (7, 0xFFFF_FFFE)
    )
    query = query_for(
        FileRole.DEBUGINFO,
        Format.PORTABLE_PDB,
        code_ids=(),
        debug_ids=(DebugId(PDB_ID.uuid, 0xFFFF_FFFF),),
        age=AgeMatch.ANY,
    )

    assert best([far, near], query) == far
    assert best([near, far], query) == near


def test_a_full_build_id_is_better_than_a_padded_one() -> None:
    whole = elf("dbg", "symtab", code_id=CodeId("aa" * 16 + "00" * 4))
    short = elf("dbg", "symtab", "debug", code_id=CodeId("aa" * 16))
    code_ids = tuple(CodeId("aa" * 16 + "00" * n) for n in (4, 3, 2, 1, 0))
    query = query_for(FileRole.DEBUGINFO, code_ids=code_ids)

    for order in permutations([whole, short]):
        assert best(order, query) == whole
    assert best([short], query) == short


def test_files_of_other_ids_and_formats_never_match() -> None:
    other_id = elf("dbg", "debug", code_id=CodeId("ab" * 20))
    no_id = elf("dbg", "debug", code_id=None)
    other_format = elf("dbg", "debug", format=Format.MACHO)

    assert best([other_id, no_id, other_format], query_for(FileRole.DEBUGINFO)) is None
    assert best([], query_for(FileRole.DEBUGINFO)) is None
