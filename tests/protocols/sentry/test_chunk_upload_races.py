"""Concurrent uploads of the same chunks."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.concurrency import run_at_once
from tests.factories import Answer, a_client, send
from tests.protocols.sentry.multipart import Part, called, kept, post

from symdepot.blobs.configured import blob_store
from symdepot.uploads.models import Chunk, ChunkOwner

pytestmark = pytest.mark.django_db(transaction=True)

CONTENTS = [b"chunk %d " % n * 3000 for n in range(8)]


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest) -> None:
    if request.param == "disk":
        request.getfixturevalue("disk")


def at_once(calls: list[Callable[[], Answer]]) -> set[int]:
    return {answer.status_code for answer in run_at_once(calls)}


@pytest.mark.usefixtures("store")
def test_sixteen_identical_requests_at_once_store_each_chunk_once() -> None:
    clients = [a_client() for _ in range(16)]

    statuses = at_once([partial(send, client, *CONTENTS) for client in clients])

    assert statuses == {200}
    assert kept() == called(*CONTENTS)
    assert Chunk.objects.count() == ChunkOwner.objects.count() == len(CONTENTS)


@pytest.mark.usefixtures("store")
def test_requests_with_the_same_chunks_in_other_orders_do_not_deadlock() -> None:
    clients = [a_client() for _ in range(8)]
    orders = [CONTENTS, CONTENTS[::-1]] * 4

    statuses = at_once(
        [partial(send, c, *order) for c, order in zip(clients, orders, strict=True)]
    )

    assert statuses == {200}
    assert kept() == called(*CONTENTS)
    assert Chunk.objects.count() == ChunkOwner.objects.count() == len(CONTENTS)


def test_a_damaged_copy_at_the_same_time_does_not_affect_a_good_one(disk: Path) -> None:
    good, name = CONTENTS[0], next(iter(called(CONTENTS[0])))
    clients = [a_client() for _ in range(8)]
    parts = [Part(good), Part(b"something else", called=name)] * 4

    answers = run_at_once(
        [partial(post, c, part) for c, part in zip(clients, parts, strict=True)]
    )

    assert [answer.status_code for answer in answers] == [200, 400] * 4
    assert kept() == called(good)
    assert [p.name for p in disk.rglob("?" * 40) if p.is_file()] == [name]


def test_organizations_that_send_the_same_chunk_at_once_each_own_it() -> None:
    names = [f"org{n}" for n in range(8)]
    clients = [a_client(name) for name in names]

    statuses = at_once(
        [
            partial(send, client, *CONTENTS, organization=name)
            for client, name in zip(clients, names, strict=True)
        ]
    )

    assert statuses == {200}
    assert all(kept(name) == called(*CONTENTS) for name in names)
    assert Chunk.objects.count() == len(CONTENTS)
    assert len(list(blob_store())) == len(CONTENTS)
