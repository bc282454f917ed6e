"""One file is found for a role and an id, over all projects that may be read."""

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from tests.factories import a_debug_file, a_project

from symdepot.debugfiles import finder
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.domain.selection.file_query import FileQuery
from symdepot.domain.symbol_paths import path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.projects import access
from symdepot.projects.models import Project

pytestmark = pytest.mark.django_db

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
GUID = UUID("3249d99d-0c40-4931-8610-f4e4fb0b6936")


def asked(path: str, layout: Layout = Layout.SYMSTORE) -> FileQuery:
    found = path_parser.parse(layout, path)
    assert found is not None
    return found


def fittest(
    what: FileQuery, among: Callable[[], object] = Project.objects.all
) -> DebugFile | None:
    return finder.find_best(among(), what)  # type: ignore[arg-type]  # a query set


DEBUGINFO = asked(f"{BUILD_ID}/debuginfo", Layout.DEBUGINFOD)


def a_pdb(age: int, form: Format = Format.PDB) -> DebugFile:
    debug_id = DebugId(GUID, age)
    return a_debug_file(a_project(), format=form, kind=None, debug_id=debug_id)


def test_a_build_id_is_found_in_whichever_project_has_it() -> None:
    a_project("game")
    found = a_debug_file(a_project("engine"), code_id=BUILD_ID)

    assert fittest(DEBUGINFO) == found


def test_nothing_is_found_in_projects_that_may_not_be_read() -> None:
    a_debug_file(a_project("engine"), code_id=BUILD_ID)
    a_project("game")

    assert fittest(DEBUGINFO, lambda: Project.objects.filter(slug="game")) is None
    assert fittest(DEBUGINFO, Project.objects.none) is None


def test_a_superseded_file_is_not_found() -> None:
    row = a_debug_file(a_project(), code_id=BUILD_ID)
    DebugFile.objects.update(superseded_at=timezone.now())

    assert fittest(DEBUGINFO) is None
    DebugFile.objects.filter(pk=row.pk).update(superseded_at=None)
    assert fittest(DEBUGINFO) == row


def test_a_damaged_file_makes_way_for_a_sound_one() -> None:
    sound = a_debug_file(a_project("game"), code_id=BUILD_ID)
    damaged = a_debug_file(a_project("engine"), code_id=BUILD_ID)
    assert fittest(DEBUGINFO) == damaged

    damaged.file.damaged_at = timezone.now()
    damaged.file.save()

    assert fittest(DEBUGINFO) == sound


@pytest.mark.parametrize("dwarf_first", [True, False])
def test_dwarf_is_found_whichever_came_first(*, dwarf_first: bool) -> None:
    for is_dwarf in (dwarf_first, not dwarf_first):
        features = frozenset({"symtab", "debug"} if is_dwarf else {"symtab"})
        slug = "dwarf" if is_dwarf else "table"
        a_debug_file(a_project(slug), code_id=BUILD_ID, features=features)

    found = fittest(DEBUGINFO)

    assert found is not None
    assert found.project.slug == "dwarf"


def test_a_build_id_that_was_padded_is_found() -> None:
    short = CodeId(BUILD_ID.hex[:32])
    row = a_debug_file(a_project(), code_id=short, kind="lib")

    padded = asked(f"a.so/elf-buildid-{short}00000000/a.so")

    assert fittest(padded) == row


def test_a_pdb_is_found_by_its_age_or_a_smaller_one() -> None:
    rows = {age: a_pdb(age) for age in (0, 2, 0x1A)}
    other = a_debug_file(
        a_project(),
        format=Format.PDB,
        kind=None,
        debug_id=DebugId(UUID(int=GUID.int + 1), 2),
    )

    found = {
        age: fittest(asked(f"a.pdb/{GUID.hex}{age:x}/a.pdb"))
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

    assert fittest(asked(f"a.pdb/{GUID.hex}FFFFFFFF/a.pdb")) == row
    assert fittest(asked(f"a.pdb/{GUID.hex}1/a.pdb")) is None


def test_a_breakpad_file_is_found_by_debug_id_and_by_code_id() -> None:
    row = a_debug_file(
        a_project(),
        format=Format.BREAKPAD,
        debug_id=DebugId(GUID, 1),
        code_id=CodeId("5ab380779000"),
    )

    assert fittest(asked(f"crash.pdb/{GUID.hex}1/crash.sym")) == row
    assert fittest(asked("crash.exe/5AB380779000/crash.sym")) == row
    assert fittest(asked(f"crash.pdb/{GUID.hex}2/crash.sym")) is None


@pytest.mark.parametrize("is_there", [True, False])
def test_an_answer_costs_one_question_whatever_the_number_of_projects(
    django_assert_num_queries: DjangoAssertNumQueries, *, is_there: bool
) -> None:
    for number in range(5):
        code_id = BUILD_ID if is_there else None
        a_debug_file(a_project(f"project-{number}"), code_id=code_id)

    with django_assert_num_queries(1):
        found = fittest(DEBUGINFO)
        assert (found is not None) == is_there
        if found is not None:
            assert found.project.slug == "project-4"
            assert found.file.size_bytes


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
@pytest.mark.skipif(connection.vendor != "sqlite", reason="Postgres counts rows first")
def test_an_answer_is_looked_up_and_not_searched_for(layout: Layout, path: str) -> None:
    with CaptureQueriesContext(connection) as asked_for:
        fittest(asked(path, layout), lambda: access.readable_projects(None))
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked_for.captured_queries[0]['sql']}")
        plan = [str(row[-1]) for row in cursor.fetchall()]

    steps = [step for step in plan if "debugfiles_debugfile" in step]
    assert steps
    for step in steps:
        assert re.search(
            r"by_debug_id \(project_id=\? AND|_first \(code_id=\? AND", step
        ), plan
