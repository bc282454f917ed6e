"""One lookup finds the file that the models find, for whoever may read it."""

import re
from datetime import timedelta
from itertools import product

import pytest
from django.db import connection
from django.utils import timezone
from tests.factories import a_debug_file, a_project

from symdepot.debugfiles import fast_lookup, finder
from symdepot.debugfiles.fast_lookup import FileRecord
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum, CodeId
from symdepot.domain.objects import Format
from symdepot.domain.selection.file_query import FileQuery, FileRole
from symdepot.domain.symbol_paths import path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.projects import access
from symdepot.projects.models import Project
from symdepot.projects.token_lookup import ReaderRecord
from symdepot.uploads.models import File

pytestmark = pytest.mark.django_db

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")


def asked(
    role: FileRole = FileRole.DEBUGINFO, build_id: CodeId = BUILD_ID
) -> FileQuery:
    found = path_parser.parse(Layout.DEBUGINFOD, f"{build_id}/{role}")
    assert found is not None
    return found


def found_by_models(who: ReaderRecord | None, what: FileQuery) -> finder.FileMatch:
    if who is None:
        return finder.find_match(access.readable_projects(None), what)
    own = Project.objects.filter(organization=who.organization_id)
    return finder.find_match(
        own.filter(pk=who.project_id) if who.project_id else own, what
    )


def fittest(who: ReaderRecord | None) -> FileRecord:
    found = fast_lookup.find_match(who, asked()).fittest
    assert found is not None
    return found


def everybody() -> list[ReaderRecord | None]:
    projects = list(Project.objects.all())
    owners = {project.organization_id for project in projects}
    return [
        None,
        *(ReaderRecord(owner, None, "somebody") for owner in owners),
        *(ReaderRecord(one.organization_id, one.pk, "somebody") for one in projects),
    ]


KINDS = (
    ("exe", {"symtab", "debug"}),
    ("lib", {"unwind"}),
    ("dbg", {"debug"}),
    ("dbg", {"symtab"}),
    ("src", {"sources"}),
)
IDS = [CodeId(f"{number:040x}") for number in range(1, 8)]


def many_files() -> None:
    """Make files of some kinds for some ids in some projects, not all of them well."""
    places = [a_project(), a_project("engine"), a_project("theirs", "strangers")]
    access.set_public(places[1], is_public=True, by="me")
    now = timezone.now()
    for number, (code_id, place, (kind, features)) in enumerate(
        product(IDS, places, KINDS)
    ):
        if number % 4 == number % 7 % 4:
            continue
        form = Format.PE if number % 11 == 0 else Format.ELF
        row = a_debug_file(
            place,
            code_id=code_id,
            kind=kind,
            features=frozenset(features),
            format=form,
        )
        if number % 5 == 0:
            DebugFile.objects.filter(pk=row.pk).update(superseded_at=now)
        if number % 6 == 0:
            File.objects.filter(pk=row.file_id).update(damaged_at=now)


def test_it_is_what_the_models_find_whoever_asks() -> None:
    many_files()
    found = set()

    for who, code_id, role in product(
        everybody(), IDS, (FileRole.DEBUGINFO, FileRole.EXECUTABLE)
    ):
        expected = found_by_models(who, asked(role, code_id))
        answer = fast_lookup.find_match(who, asked(role, code_id))
        row, glimpse = expected.fittest, answer.fittest
        assert (glimpse and glimpse.row_id) == (row and row.pk)
        assert answer.newest == expected.newest
        found.add(row)

    assert None in found
    assert len(found) > 2 * len(IDS)


def test_it_tells_all_that_may_change() -> None:
    project = a_project()
    row = a_debug_file(project, b"content", code_id=BUILD_ID)
    who = ReaderRecord(project.organization_id, project.pk, "somebody")

    private = fittest(who)
    access.set_public(project, is_public=True, by="me")
    public = fittest(who)

    assert private.row_id == row.pk
    assert (private.checksum, private.size_bytes) == (Checksum.of(b"content"), 7)
    assert (private.is_public, public.is_public) == (False, True)
    assert private != public


@pytest.mark.parametrize(
    ("kept_days", "hours", "is_noted"),
    [
        (None, None, False),
        (None, 23, True),
        (None, 25, False),
        (5, 11, True),
        (5, 13, False),
    ],
)
def test_it_says_whether_use_has_to_be_noted_again(
    kept_days: int | None, hours: int | None, *, is_noted: bool
) -> None:
    project = a_project()
    row = a_debug_file(project, code_id=BUILD_ID)
    Project.objects.update(keep_unused_days=kept_days, is_public=True)
    if hours is not None:
        used_at = timezone.now() - timedelta(hours=hours)
        DebugFile.objects.filter(pk=row.pk).update(last_used_at=used_at)

    assert fittest(None).is_noted is is_noted


@pytest.mark.skipif(connection.vendor != "sqlite", reason="Postgres counts rows first")
def test_it_is_looked_up_by_build_id_and_not_searched_for() -> None:
    project = a_project()
    a_debug_file(project, code_id=BUILD_ID)
    readers, said = everybody(), list[str]()
    connection.ensure_connection()
    connection.connection.set_trace_callback(said.append)

    for who in readers:
        fast_lookup.find_match(who, asked())
    connection.connection.set_trace_callback(None)

    assert len(said) == 3
    for question in said:
        plan = connection.connection.execute(
            f"EXPLAIN QUERY PLAN {question}"
        ).fetchall()
        steps = [str(row[-1]) for row in plan]
        assert re.match(r"SEARCH debug_file USING INDEX by_code_id_first", steps[0])
        assert not any(step.startswith("SCAN") for step in steps), steps
