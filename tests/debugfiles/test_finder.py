"""`finder` finds one file for a query, in all projects of a scope."""

import re
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from tests.factories import a_debug_file, a_project, an_organization

from symdepot.debugfiles import finder
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.domain.selection.file_query import FileQuery
from symdepot.domain.symbol_paths import path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.projects.access import PUBLIC, ReadScope

pytestmark = pytest.mark.django_db

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
GUID = UUID("3249d99d-0c40-4931-8610-f4e4fb0b6936")


def query(path: str, layout: Layout = Layout.SYMSTORE) -> FileQuery:
    found = path_parser.parse(layout, path)
    assert found is not None
    return found


def best_match(query: FileQuery, scope: ReadScope | None = None) -> DebugFile | None:
    """Return the row of the best match, by default in the organization of `a_project`."""
    match = finder.find_match(scope or ReadScope(an_organization().pk), query).best
    return None if match is None else DebugFile.objects.get(pk=match.pk)


DEBUGINFO = query(f"{BUILD_ID}/debuginfo", Layout.DEBUGINFOD)


def a_pdb(age: int, form: Format = Format.PDB) -> DebugFile:
    debug_id = DebugId(GUID, age)
    return a_debug_file(a_project(), format=form, kind=None, debug_id=debug_id)


def test_a_build_id_is_found_in_any_project_of_the_scope() -> None:
    a_project("game")
    found = a_debug_file(a_project("engine"), code_id=BUILD_ID)

    assert best_match(DEBUGINFO) == found


def test_nothing_is_found_in_projects_that_may_not_be_read() -> None:
    a_debug_file(a_project("engine"), code_id=BUILD_ID)
    game = a_project("game")

    assert best_match(DEBUGINFO, ReadScope(project_id=game.pk)) is None
    assert best_match(DEBUGINFO, ReadScope(an_organization("other").pk)) is None


def test_a_superseded_file_is_not_found() -> None:
    row = a_debug_file(a_project(), code_id=BUILD_ID)
    DebugFile.objects.update(superseded_at=timezone.now())

    assert best_match(DEBUGINFO) is None
    DebugFile.objects.filter(pk=row.pk).update(superseded_at=None)
    assert best_match(DEBUGINFO) == row


def test_a_damaged_file_is_skipped() -> None:
    sound = a_debug_file(a_project("game"), code_id=BUILD_ID)
    damaged = a_debug_file(a_project("engine"), code_id=BUILD_ID)
    assert best_match(DEBUGINFO) == damaged

    damaged.file.damaged_at = timezone.now()
    damaged.file.save()

    assert best_match(DEBUGINFO) == sound


@pytest.mark.parametrize("dwarf_first", [True, False])
def test_dwarf_is_found_in_any_order_of_upload(*, dwarf_first: bool) -> None:
    for is_dwarf in (dwarf_first, not dwarf_first):
        features = frozenset({"symtab", "debug"} if is_dwarf else {"symtab"})
        slug = "dwarf" if is_dwarf else "table"
        a_debug_file(a_project(slug), code_id=BUILD_ID, features=features)

    found = best_match(DEBUGINFO)

    assert found is not None
    assert found.project.slug == "dwarf"


def test_a_build_id_that_was_padded_is_found() -> None:
    short = CodeId(BUILD_ID.hex[:32])
    row = a_debug_file(a_project(), code_id=short, kind="lib")

    padded = query(f"a.so/elf-buildid-{short}00000000/a.so")

    assert best_match(padded) == row


def test_a_pdb_is_found_by_its_age_or_a_smaller_one() -> None:
    rows = {age: a_pdb(age) for age in (0, 2, 0x1A)}
    other = a_debug_file(
        a_project(),
        format=Format.PDB,
        kind=None,
        debug_id=DebugId(UUID(int=GUID.int + 1), 2),
    )

    found = {
        age: best_match(query(f"a.pdb/{GUID.hex}{age:x}/a.pdb"))
        for age in (0, 1, 2, 3, 0x1A, 0x1B)
    }

    assert found == {
        0: rows[0],
        1: rows[2],
        2: rows[2],
        3: rows[0x1A],
        0x1A: rows[0x1A],
        0x1B: None,
    }
    assert other not in found.values()


@pytest.mark.parametrize("stamp", [0, 1, 0xE60B819D, 0xFFFFFFFF])
def test_a_portable_pdb_is_found_by_its_guid_alone(stamp: int) -> None:
    row = a_pdb(stamp, Format.PORTABLE_PDB)

    assert best_match(query(f"a.pdb/{GUID.hex}FFFFFFFF/a.pdb")) == row
    assert best_match(query(f"a.pdb/{GUID.hex}1/a.pdb")) is None


def test_a_breakpad_file_is_found_by_debug_id_and_by_code_id() -> None:
    row = a_debug_file(
        a_project(),
        format=Format.BREAKPAD,
        debug_id=DebugId(GUID, 1),
        code_id=CodeId("5ab380779000"),
    )

    assert best_match(query(f"crash.pdb/{GUID.hex}1/crash.sym")) == row
    assert best_match(query("crash.exe/5AB380779000/crash.sym")) == row
    assert best_match(query(f"crash.pdb/{GUID.hex}2/crash.sym")) is None


@pytest.mark.parametrize("is_there", [True, False])
def test_a_match_takes_one_query_for_any_number_of_projects(
    django_assert_num_queries: DjangoAssertNumQueries, *, is_there: bool
) -> None:
    for number in range(5):
        code_id = BUILD_ID if is_there else None
        a_debug_file(a_project(f"project-{number}"), code_id=code_id)

    scope = ReadScope(an_organization().pk)

    with django_assert_num_queries(1):
        found = finder.find_match(scope, DEBUGINFO).best
    assert (found is not None) == is_there
    if found is not None:
        assert DebugFile.objects.get(pk=found.pk).project.slug == "project-4"
        assert found.size_bytes


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        (Layout.DEBUGINFOD, f"{BUILD_ID}/debuginfo"),
        (Layout.DEBUGINFOD, f"{BUILD_ID}/source"),
        (Layout.SYMSTORE, f"a.pdb/{GUID.hex}1/a.pdb"),
        (Layout.SYMSTORE, f"a.pdb/{GUID.hex}1/a.sym"),
        (Layout.UNIFIED, f"df/{BUILD_ID.hex[2:]}/debuginfo"),
        (Layout.UNIFIED, f"df/{BUILD_ID.hex[2:]}/breakpad"),
    ],
)
@pytest.mark.parametrize("scope", [PUBLIC, ReadScope(1), ReadScope(1, 1)])
@pytest.mark.skipif(connection.vendor != "sqlite", reason="Postgres counts rows first")
def test_files_are_looked_up_by_an_index(
    layout: Layout, path: str, scope: ReadScope
) -> None:
    with CaptureQueriesContext(connection) as queries:
        best_match(query(path, layout), scope)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {queries.captured_queries[0]['sql']}")
        plan = [str(row[-1]) for row in cursor.fetchall()]

    steps = [step for step in plan if "debug_file " in step]
    assert steps
    for step in steps:
        assert re.search(
            r"by_debug_id \(project_id=\? AND|_first \(code_id=\?", step
        ), plan
