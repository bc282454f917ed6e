"""The last use of a file: when it is updated, and the usage of a project."""

import sqlite3
import time
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from tests.factories import (
    Answer,
    a_client,
    a_debug_file,
    a_file,
    a_project,
    files_url,
)
from tests.row_ages import age_everything

from symdepot.debugfiles import usage
from symdepot.debugfiles.models import DebugFile
from symdepot.debugfiles.usage import ProjectUsage

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("kept_days", "precision"),
    [(None, DAY), (1, DAY / 10), (5, DAY / 2), (90, DAY)],
)
def test_the_update_interval_is_a_tenth_of_the_retention(
    kept_days: int | None, precision: timedelta
) -> None:
    assert usage.update_interval(kept_days) == precision


@pytest.mark.parametrize(
    "query",
    ["id={0.pk}", "debug_id={0.debug_id}", "query={0.debug_id}", "code_id=abcdef1234"],
)
def test_downloads_and_exact_lookups_are_uses(query: str) -> None:
    project = a_project()
    row = a_debug_file(project, b"content")
    DebugFile.objects.update(code_id="abcdef1234")

    assert a_client().get(files_url() + "?" + query.format(row)).status_code == 200

    row.refresh_from_db()
    assert row.last_used_at is not None
    assert timezone.now() - row.last_used_at < timedelta(minutes=1)


@pytest.mark.parametrize("query", ["", "query=hello", "query=nothing"])
def test_listing_files_is_no_use(query: str) -> None:
    row = a_debug_file(a_project(), b"content")

    assert a_client().get(files_url() + "?" + query).status_code == 200

    row.refresh_from_db()
    assert row.last_used_at is None


def test_a_recent_use_costs_no_statement(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    project = a_project()
    row = a_debug_file(project, b"content")
    usage.mark_used(project, [row])
    row.refresh_from_db()
    age_everything(23 * HOUR)
    row.refresh_from_db()

    with django_assert_num_queries(0):
        usage.mark_used(project, [row])


def test_only_files_without_a_recent_use_are_updated() -> None:
    project = a_project()
    old, new = a_debug_file(project), a_debug_file(project)
    usage.mark_used(project, [old])
    age_everything(2 * DAY)
    usage.mark_used(project, [new])
    new.refresh_from_db()
    before = new.last_used_at

    old.refresh_from_db()
    usage.mark_used(project, [old, new])

    old.refresh_from_db()
    new.refresh_from_db()
    assert new.last_used_at == before
    assert old.last_used_at is not None
    assert timezone.now() - old.last_used_at < HOUR


@pytest.mark.django_db(transaction=True)
def test_a_download_does_not_wait_for_a_lock() -> None:
    row = a_debug_file(a_project(), b"content")
    client = a_client()
    assert client.get(files_url()).status_code == 200  # notes the use of the token

    with closing(_writer(row)):
        began = time.monotonic()
        answer: Answer = client.get(files_url() + f"?id={row.pk}")
        body = b"".join(answer.streaming_content)

    assert (answer.status_code, body) == (200, b"content")
    assert time.monotonic() - began < 5
    row.refresh_from_db()
    assert row.last_used_at is None
    # Later requests wait for the database as before.
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            assert cursor.fetchone()[0] == 30_000


def _writer(row: DebugFile) -> sqlite3.Connection | psycopg.Connection:
    """Return a connection that holds what `renew` would have to write to."""
    if connection.vendor == "sqlite":
        name = str(connection.settings_dict["NAME"])
        writing = sqlite3.connect(name, isolation_level=None)
        writing.execute("BEGIN IMMEDIATE")
        return writing
    known = {
        name: value
        for name, value in connection.get_connection_params().items()
        if name in {"dbname", "user", "password", "host", "port"}
    }
    holding = psycopg.connect(**known)
    holding.execute(
        "SELECT 1 FROM debugfiles_debugfile WHERE id = %s FOR UPDATE", [row.pk]
    )
    return holding


def test_usage_counts_each_chunk_once_a_project() -> None:
    ours, sibling = a_project(), a_project("sibling")
    empty, theirs = a_project("empty"), a_project(organization="other")
    a_debug_file(ours, b"12345")
    row = a_debug_file(ours)
    DebugFile.objects.filter(pk=row.pk).update(
        file=a_file(ours, b"12345", b"678", b"12345")
    )
    a_debug_file(sibling, b"12345")
    a_debug_file(theirs, b"elsewhere")

    assert usage.usage_by_project(ours.organization) == {
        ours.pk: ProjectUsage(2, 8),
        sibling.pk: ProjectUsage(1, 5),
        empty.pk: ProjectUsage(0, 0),
    }
