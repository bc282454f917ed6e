"""Memory use does not depend on the size of a chunk."""

import gzip
import secrets
import tracemalloc
from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings
from tests.factories import a_client
from tests.protocols.sentry.multipart import Part, body_of, gzipped, post_body

from symdepot.uploads.models import Chunk

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("disk"),
]

LARGE_BYTES = 32 << 20
PASSING_BYTES = 3 << 20
"""What reading, decompressing and writing in blocks may hold at any one time."""


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> None:
    settings.CHUNK_SIZE = settings.MAX_REQUEST_SIZE = LARGE_BYTES


@pytest.fixture
def client() -> Iterator[Client]:
    """A client that has asked before, so that nothing is loaded while it is measured."""
    client = a_client()
    post_body(client, body_of(Part(b"to warm up"), gzipped(b"to warm up, too")))
    Chunk.objects.all().delete()
    yield client
    tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("is_packed", [False, True], ids=["raw", "gzip"])
def test_a_large_chunk_needs_little_memory(client: Client, *, is_packed: bool) -> None:
    content = secrets.token_bytes(1 << 20) * (LARGE_BYTES >> 20)
    packed = gzip.compress(content, compresslevel=1)
    body = body_of(gzipped(content, packed=packed) if is_packed else Part(content))

    tracemalloc.start()
    answer = post_body(client, body)
    _, peak_bytes = tracemalloc.get_traced_memory()

    assert answer.status_code == 200
    assert Chunk.objects.get().size_bytes == LARGE_BYTES
    assert peak_bytes < PASSING_BYTES


def test_a_refused_chunk_needs_little_memory(client: Client) -> None:
    body = body_of(Part(b"x", called="0" * 40), Part(bytes(LARGE_BYTES - 1)))

    tracemalloc.start()
    answer = post_body(client, body)
    _, peak_bytes = tracemalloc.get_traced_memory()

    assert answer.status_code == 400
    assert peak_bytes < PASSING_BYTES
