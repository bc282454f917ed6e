"""Symcaches at hand are whole and right, many share them, and they do not pile up."""

import os
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import pytest
from tests.concurrency import run_at_once
from tests.contracts.seaweed import S3Server
from tests.factories import keep

from symdepot.blobs import s3
from symdepot.blobs.configured import blob_store
from symdepot.blobs.local import LocalStore
from symdepot.blobs.memory import MemoryStore
from symdepot.blobs.s3 import S3Store
from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import BlobDamaged, BlobMissing, StorageUnavailable
from symdepot.domain.ids import Checksum
from symdepot.symcaches.disk_cache import DiskCache

CONTENT = b"SYMC and what follows"
NAME = Checksum.of(CONTENT)
HOUR = 3600.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "shelf"


@pytest.fixture
def shelf(folder: Path) -> DiskCache:
    return DiskCache(folder, limit_bytes=1000)


def read(
    shelf: DiskCache, store: BlobStore | None = None, content: bytes = CONTENT
) -> bytes:
    checksum = Checksum.of(content)
    with shelf.file(checksum, len(content), store or blob_store()) as path:
        return path.read_bytes()


def put(shelf: DiskCache, content: bytes) -> Path:
    """Put `content` on the shelf, and return where it lies."""
    keep(content)
    read(shelf, content=content)
    return shelf._folder / Checksum.of(content).hex  # noqa: SLF001 -- to spoil it


def used(path: Path, *, hours_ago: float) -> None:
    when = time.time() - hours_ago * HOUR
    os.utime(path, (when, when))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_is_in_the_store_is_lent(shelf: DiskCache) -> None:
    keep(CONTENT)

    assert read(shelf) == CONTENT
    assert read(shelf) == CONTENT


def test_what_is_at_hand_needs_no_store(shelf: DiskCache) -> None:
    keep(CONTENT)
    read(shelf)

    assert read(shelf, MemoryStore()) == CONTENT


@pytest.mark.usefixtures("disk")
def test_on_the_stores_own_disk_no_byte_is_kept_twice(
    shelf: DiskCache, folder: Path
) -> None:
    keep(CONTENT)

    assert read(shelf) == CONTENT
    assert (folder / NAME.hex).stat().st_nlink == 2
    assert names(folder) == {NAME.hex}


@pytest.mark.usefixtures("disk")
def test_what_the_store_forgets_can_be_read_to_the_end(shelf: DiskCache) -> None:
    keep(CONTENT)

    with shelf.file(NAME, len(CONTENT), blob_store()) as path:
        blob_store().delete(NAME)
        assert path.read_bytes() == CONTENT


def test_an_entry_can_be_opened_even_if_it_is_cleared_away(
    shelf: DiskCache, folder: Path
) -> None:
    keep(CONTENT)

    with shelf.file(NAME, len(CONTENT), blob_store()) as path:
        (folder / NAME.hex).unlink()
        assert path.read_bytes() == CONTENT


def test_a_blob_that_is_old_is_a_new_entry(
    shelf: DiskCache, disk: Path, folder: Path
) -> None:
    keep(CONTENT)
    used(next(disk.rglob(NAME.hex)), hours_ago=1000)

    read(shelf)

    assert shelf.evict() == 0
    assert names(folder) == {NAME.hex}


@pytest.mark.parametrize("place", [0, len(CONTENT) // 2, len(CONTENT) - 1])
def test_damaged_bytes_are_not_lent_and_not_kept(
    disk: Path, folder: Path, place: int
) -> None:
    """One bit is enough: symbolic may read a damaged symcache until memory ends."""
    keep(CONTENT)
    damaged = bytearray(CONTENT)
    damaged[place] ^= 1
    next(disk.rglob(NAME.hex)).write_bytes(damaged)
    shelf = DiskCache(folder, limit_bytes=1000)

    with pytest.raises(BlobDamaged):
        read(shelf)

    assert names(folder) == set()


def test_missing_bytes_are_missing(shelf: DiskCache, folder: Path) -> None:
    with pytest.raises(BlobMissing):
        read(shelf)

    assert names(folder) == set()


def test_an_entry_that_a_crash_cut_short_is_fetched_again(
    shelf: DiskCache, folder: Path
) -> None:
    keep(CONTENT)
    folder.mkdir()
    (folder / NAME.hex).write_bytes(CONTENT[:5])

    assert read(shelf) == CONTENT


def test_a_disk_that_cannot_be_written_to_is_for_another_time(tmp_path: Path) -> None:
    keep(CONTENT)
    (tmp_path / "file").touch()

    with pytest.raises(StorageUnavailable):
        read(DiskCache(tmp_path / "file" / "shelf", limit_bytes=1000))


def test_many_that_need_it_at_once_get_it(folder: Path, disk: Path) -> None:
    keep(CONTENT)
    store = LocalStore(disk)

    def reading() -> Callable[[], bytes]:
        own = DiskCache(folder, limit_bytes=1000)
        return lambda: read(own, store)

    found = run_at_once([reading() for _ in range(8)])

    assert found == [CONTENT] * 8
    assert names(folder) == {NAME.hex}


@pytest.mark.upstream(85)
def test_what_is_used_stays_and_what_nobody_used_for_two_days_goes(
    shelf: DiskCache, folder: Path
) -> None:
    path = put(shelf, CONTENT)
    assert shelf.evict() == 0
    used(path, hours_ago=35)
    assert shelf.evict() == 0

    used(path, hours_ago=48)

    assert shelf.evict() == 1
    assert names(folder) == set()


def test_using_an_entry_keeps_it(shelf: DiskCache) -> None:
    path = put(shelf, CONTENT)
    used(path, hours_ago=48)

    read(shelf)

    assert shelf.evict() == 0
    assert path.exists()


def test_of_too_much_what_was_not_used_for_longest_goes_first(
    shelf: DiskCache, folder: Path
) -> None:
    paths = [put(shelf, bytes([n]) * 300) for n in range(5)]
    for hours, path in enumerate(paths, start=1):
        used(path, hours_ago=hours)

    assert shelf.evict() == 2
    assert names(folder) == {path.name for path in paths[:3]}


def test_what_was_used_a_moment_ago_stays_even_if_it_is_too_much(
    shelf: DiskCache, folder: Path
) -> None:
    put(shelf, b"a" * 800)
    put(shelf, b"b" * 800)

    assert shelf.evict() == 0
    assert len(names(folder)) == 2


def test_the_shelf_is_cleared_where_it_is_filled(folder: Path) -> None:
    old = put(DiskCache(folder, limit_bytes=1000), b"a" * 800)
    used(old, hours_ago=1)

    put(DiskCache(folder, limit_bytes=1000), b"b" * 800)

    assert not old.exists()


def test_what_a_crash_left_half_fetched_goes_after_an_hour(
    shelf: DiskCache, folder: Path
) -> None:
    folder.mkdir()
    old, new = folder / "incoming-old", folder / "incoming-new"
    for path in (old, new):
        path.write_bytes(CONTENT)
    used(old, hours_ago=2)

    assert shelf.evict() == 1
    assert names(folder) == {"incoming-new"}


def test_a_shelf_that_was_never_used_has_nothing_to_clear(shelf: DiskCache) -> None:
    assert shelf.evict() == 0


def test_a_symcache_in_a_bucket_is_fetched_once(
    s3_server: S3Server, shelf: DiskCache, tmp_path: Path
) -> None:
    store = S3Store(s3.from_url(s3_server.url(uuid4().hex)), tmp_path / "scratch")
    store.put(NAME, BytesIO(CONTENT))

    assert read(shelf, store) == CONTENT
    store.delete(NAME)
    assert read(shelf, store) == CONTENT
