"""Rows of files and their chunks."""

from functools import partial

import pytest
from tests.concurrency import run_at_once
from tests.factories import a_project, own

from symdepot.domain.ids import Checksum
from symdepot.uploads import chunks
from symdepot.uploads.models import File, FileChunk

pytestmark = pytest.mark.django_db

PARTS = (b"one", b"two", b"one")
CHUNKS = tuple(Checksum.of(part) for part in PARTS)
WHOLE = Checksum.of(b"".join(PARTS))


def positions() -> list[tuple[int, str]]:
    return list(
        FileChunk.objects.order_by("position").values_list(
            "position", "chunk__checksum"
        )
    )


def test_a_file_has_its_chunks_in_order_and_with_repeats() -> None:
    own(a_project(), *PARTS)

    file = chunks.record_file(WHOLE, CHUNKS, 9)

    assert (file.checksum, file.size_bytes) == (WHOLE.hex, 9)
    assert positions() == [(n, chunk.hex) for n, chunk in enumerate(CHUNKS)]


def test_an_existing_file_keeps_its_chunks() -> None:
    own(a_project(), *PARTS, b"onetwoone")
    first = chunks.record_file(WHOLE, CHUNKS, 9)

    again = chunks.record_file(WHOLE, [WHOLE], 9)

    assert again == first
    assert positions() == [(n, chunk.hex) for n, chunk in enumerate(CHUNKS)]


@pytest.mark.django_db(transaction=True)
def test_concurrent_records_of_a_file_create_it_once() -> None:
    own(a_project(), *PARTS)

    files = run_at_once([partial(chunks.record_file, WHOLE, CHUNKS, 9)] * 8)

    assert len(set(files)) == File.objects.count() == 1
    assert len(positions()) == 3
