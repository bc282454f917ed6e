"""The number of SQL queries does not depend on the number of files."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_project,
    assemble,
    described,
    files_url,
    own,
    send,
)
from tests.task_queues import HeldQueue

from symdepot.domain.ids import Checksum

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

FEW, MANY = 2, 40
"""Not more than go into one task of the queue, nor more than one page holds."""


def count_queries(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


def offers(count: int) -> dict[str, object]:
    offered: dict[str, object] = {}
    for _ in range(count):
        offered |= described(a_breakpad_file(), piece=60)
    return offered


def known(client: Client, count: int) -> dict[str, object]:
    """Upload `count` files and return how they are offered."""
    project = a_project()
    files: dict[str, object] = {}
    for _ in range(count):
        content = a_breakpad_file()
        own(project, content)
        files |= described(content)
    assemble(client, files)
    return files


def test_polling_finished_files_takes_a_constant_number_of_queries() -> None:
    client = a_client()
    few, many = known(client, FEW), known(client, MANY)

    assert count_queries(lambda: assemble(client, few)) == count_queries(
        lambda: assemble(client, many)
    )


def test_requesting_new_files_takes_a_constant_number_of_queries() -> None:
    a_project()
    client, few, many = a_client(), offers(FEW), offers(MANY)
    assemble(client, offers(1))

    assert count_queries(lambda: assemble(client, few)) == count_queries(
        lambda: assemble(client, many)
    )


def test_repeating_incomplete_requests_takes_a_constant_number_of_queries() -> None:
    a_project()
    client, few, many = a_client(), offers(FEW), offers(MANY)
    assemble(client, {**few, **many})

    assert count_queries(lambda: assemble(client, few)) == count_queries(
        lambda: assemble(client, many)
    )


@pytest.mark.usefixtures("held_queue")
def test_polling_queued_files_takes_a_constant_number_of_queries() -> None:
    client = a_client()
    few, many = known(client, FEW), known(client, MANY)

    assert count_queries(lambda: assemble(client, few)) == count_queries(
        lambda: assemble(client, many)
    )


def test_polling_failed_files_takes_a_constant_number_of_queries() -> None:
    project, client = a_project(), a_client()
    groups: list[dict[str, object]] = []
    for count in (FEW, MANY):
        group: dict[str, object] = {}
        for n in range(count):
            garbage = b"garbage %d of %d" % (n, count)
            own(project, garbage)
            group |= described(garbage)
        assemble(client, group)
        groups.append(group)

    assert count_queries(lambda: assemble(client, groups[0])) == count_queries(
        lambda: assemble(client, groups[1])
    )


def test_recording_chunks_takes_a_constant_number_of_queries(
    held_queue: HeldQueue,
) -> None:
    a_project()
    client = a_client()
    send(client, b"to warm up")
    few, many = ([b"%d of %d" % (n, c) for n in range(c)] for c in (FEW, MANY))

    assert count_queries(lambda: send(client, *few)) == count_queries(
        lambda: send(client, *many)
    )


def test_listing_debug_files_takes_a_constant_number_of_queries() -> None:
    client = a_client()
    known(client, MANY)

    def listed(count: int) -> None:
        rows = client.get(files_url(), {"per_page": count}).json()
        assert len(rows) == count

    assert count_queries(lambda: listed(FEW)) == count_queries(lambda: listed(MANY))


def test_looking_up_unknown_files_takes_a_constant_number_of_queries() -> None:
    client = a_client()
    files = list(known(client, MANY))
    unknown = Checksum.of(b"unknown").hex

    def missing(checksums: list[str]) -> None:
        answer = client.get(
            files_url("dsyms/unknown/"), {"checksums": [*checksums, unknown]}
        )
        assert answer.json() == {"missing": [unknown]}

    assert count_queries(lambda: missing(files[:FEW])) == count_queries(
        lambda: missing(files)
    )
