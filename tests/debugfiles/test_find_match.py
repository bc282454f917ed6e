"""The raw SQL of `finder` finds what the models and `ranking` find."""

import re
from datetime import timedelta
from itertools import product

import pytest
from django.db import connection
from django.utils import timezone
from tests.factories import a_debug_file, a_project

from symdepot.debugfiles import finder
from symdepot.debugfiles.finder import FileRecord
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum, CodeId
from symdepot.domain.objects import Format
from symdepot.domain.selection import ranking
from symdepot.domain.selection.file_query import FileQuery, FileRole
from symdepot.domain.symbol_paths import path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.projects import organizations
from symdepot.projects.access import PUBLIC, ReadScope
from symdepot.projects.models import Project
from symdepot.uploads.models import File

pytestmark = pytest.mark.django_db

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")


def query(
    role: FileRole = FileRole.DEBUGINFO, build_id: CodeId = BUILD_ID
) -> FileQuery:
    found = path_parser.parse(Layout.DEBUGINFOD, f"{build_id}/{role}")
    assert found is not None
    return found


def find_with_models(
    scope: ReadScope, query: FileQuery
) -> tuple[DebugFile | None, int]:
    """Return the best match and the newest row id."""
    [build_id] = query.code_ids
    rows = DebugFile.objects.current().filter(
        project__in=scope.projects(), code_id=build_id.hex
    )
    newest_first = list(rows.select_related("file").order_by("-pk"))
    intact = [row for row in newest_first if row.file.damaged_at is None]
    index = ranking.best_match([row.object_file() for row in intact], query)
    best = None if index is None else intact[index]
    return best, newest_first[0].pk if newest_first else 0


def best_match(scope: ReadScope) -> FileRecord:
    found = finder.find_match(scope, query()).best
    assert found is not None
    return found


def all_scopes() -> list[ReadScope]:
    projects = list(Project.objects.all())
    owners = {project.organization_id for project in projects}
    return [
        PUBLIC,
        *(ReadScope(owner) for owner in owners),
        *(ReadScope(one.organization_id, one.pk) for one in projects),
    ]


KINDS = (
    ("exe", {"symtab", "debug"}),
    ("lib", {"unwind"}),
    ("dbg", {"debug"}),
    ("dbg", {"symtab"}),
    ("src", {"sources"}),
)
IDS = [CodeId(f"{number:040x}") for number in range(1, 8)]


def create_files() -> None:
    """Create files of several kinds, ids and projects; some superseded or damaged."""
    places = [a_project(), a_project("engine"), a_project("theirs", "strangers")]
    organizations.set_public(places[1], is_public=True, by="me")
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


def test_the_models_find_the_same_in_every_scope() -> None:
    create_files()
    found = set()

    for scope, code_id, role in product(
        all_scopes(), IDS, (FileRole.DEBUGINFO, FileRole.EXECUTABLE)
    ):
        row, newest_row_id = find_with_models(scope, query(role, code_id))
        match = finder.find_match(scope, query(role, code_id))
        assert (match.best and match.best.pk) == (row and row.pk)
        assert match.newest_row_id == newest_row_id
        found.add(row)

    assert None in found
    assert len(found) > 2 * len(IDS)


def test_records_differ_when_the_project_is_published() -> None:
    project = a_project()
    row = a_debug_file(project, b"content", code_id=BUILD_ID)
    scope = ReadScope(project.organization_id, project.pk)

    private = best_match(scope)
    organizations.set_public(project, is_public=True, by="me")
    public = best_match(scope)

    assert private.pk == row.pk
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
def test_a_recent_use_is_noted(
    kept_days: int | None, hours: int | None, *, is_noted: bool
) -> None:
    project = a_project()
    row = a_debug_file(project, code_id=BUILD_ID)
    Project.objects.update(keep_unused_days=kept_days, is_public=True)
    if hours is not None:
        used_at = timezone.now() - timedelta(hours=hours)
        DebugFile.objects.filter(pk=row.pk).update(last_used_at=used_at)

    assert best_match(PUBLIC).is_use_noted is is_noted


@pytest.mark.skipif(connection.vendor != "sqlite", reason="Postgres counts rows first")
def test_files_are_looked_up_by_the_index_of_build_ids() -> None:
    project = a_project()
    a_debug_file(project, code_id=BUILD_ID)
    scopes, statements = all_scopes(), list[str]()
    connection.ensure_connection()
    connection.connection.set_trace_callback(statements.append)

    for scope in scopes:
        finder.find_match(scope, query())
    connection.connection.set_trace_callback(None)

    assert len(statements) == 3
    for statement in statements:
        plan = connection.connection.execute(
            f"EXPLAIN QUERY PLAN {statement}"
        ).fetchall()
        steps = [str(row[-1]) for row in plan]
        assert re.match(r"SEARCH debug_file USING INDEX by_code_id_first", steps[0])
        assert not any(step.startswith("SCAN") for step in steps), steps
