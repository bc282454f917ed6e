"""When stored chunks are read again, and what is recorded of it."""

from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings
from tests.factories import a_file, a_project

from symdepot.blobs.configured import blob_store
from symdepot.domain.errors import BlobDamaged, ContentDamaged
from symdepot.domain.ids import Checksum
from symdepot.uploads import chunk_verification
from symdepot.uploads.models import Chunk, ChunkOwner, File

pytestmark = pytest.mark.django_db

CONTENT = b"the bytes of a debug file"


@pytest.fixture(autouse=True)
def file(disk: Path) -> File:
    return a_file(a_project(), CONTENT)


def the_chunk() -> Chunk:
    return Chunk.objects.get()


def require_sound() -> None:
    chunk_verification.require_sound([the_chunk().stored_chunk()], blob_store())


def blob(disk: Path) -> Path:
    [path] = [path for path in disk.rglob("?" * 40) if path.is_file()]
    path.chmod(0o600)
    return path


def test_a_chunk_is_read_at_its_first_use_and_trusted_then() -> None:
    assert the_chunk().verified_at is None

    require_sound()
    first = the_chunk().verified_at
    require_sound()

    assert first is not None
    assert the_chunk().verified_at == first


def test_a_chunk_that_another_thread_has_verified_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stale = the_chunk().stored_chunk()
    require_sound()
    monkeypatch.setattr(chunk_verification, "verify_content", None)

    chunk_verification.require_sound([stale], blob_store())


def test_a_chunk_is_read_again_when_it_is_due(settings: Settings) -> None:
    before = timezone.now() - timedelta(days=settings.VERIFY_DAYS, seconds=1)
    Chunk.objects.update(verified_at=before)

    require_sound()

    assert the_chunk().verified_at != before


def test_a_file_that_changed_is_read_again(disk: Path) -> None:
    require_sound()
    blob(disk).write_bytes(CONTENT[::-1])

    with pytest.raises(ContentDamaged):
        require_sound()

    assert the_chunk().is_damaged
    assert not ChunkOwner.objects.exists()
    assert File.objects.get().damaged_at is not None


def test_a_trusted_chunk_of_another_size_is_read(disk: Path) -> None:
    blob(disk).write_bytes(CONTENT[:-1])
    Chunk.objects.update(verified_at=timezone.now() + timedelta(hours=1))

    with pytest.raises(ContentDamaged):
        require_sound()


def test_a_damaged_chunk_is_read_again_only_if_its_file_changes(disk: Path) -> None:
    blob(disk).write_bytes(CONTENT[::-1])
    for _ in range(2):
        with pytest.raises(ContentDamaged):
            require_sound()

    blob(disk).write_bytes(CONTENT)
    require_sound()

    assert not the_chunk().is_damaged


def test_a_chunk_that_is_sent_again_while_it_is_read_keeps_its_owners(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def be_replaced(_: BinaryIO, checksum: Checksum) -> None:
        Chunk.objects.update(received_at=timezone.now())
        raise BlobDamaged(checksum)

    monkeypatch.setattr(chunk_verification, "verify_content", be_replaced)

    with pytest.raises(ContentDamaged):
        require_sound()

    assert ChunkOwner.objects.exists()
    assert not the_chunk().is_damaged


def test_a_missing_blob_is_recorded(disk: Path) -> None:
    blob(disk).unlink()

    with pytest.raises(ContentDamaged):
        require_sound()

    assert chunk_verification.summary().damaged == 1


def test_due_chunks_are_verified_up_to_a_number_of_bytes(disk: Path) -> None:
    for n in range(3):
        a_file(a_project(), bytes([n]) * 100)
    blob_of_last = disk.rglob(Chunk.objects.latest("pk").checksum)
    for path in blob_of_last:
        path.chmod(0o600)
        path.write_bytes(b"damaged")

    some = chunk_verification.verify_due(blob_store(), limit_bytes=101)
    rest = chunk_verification.verify_due(blob_store(), limit_bytes=1000)
    none = chunk_verification.verify_due(blob_store(), limit_bytes=1000)

    assert (some.chunks, rest.chunks, none.chunks) == (2, 2, 0)
    assert (some.damaged, rest.damaged) == (0, 1)
    assert some.size_bytes + rest.size_bytes == len(CONTENT) + 300
    assert chunk_verification.summary().damaged == 1


def test_a_busy_database_does_not_keep_a_sound_chunk_from_being_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunk_verification, "brief_transaction", _busy)

    require_sound()

    assert the_chunk().verified_at is None


def _busy() -> None:
    raise OperationalError("database is locked")
