"""The disk cache verifies entries, shares them, and evicts."""

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

from symdepot.blobs import buckets, temporary_files
from symdepot.blobs.buckets import BucketStore
from symdepot.blobs.configured import blob_store
from symdepot.blobs.local import LocalStore
from symdepot.blobs.memory import MemoryStore
from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import BlobDamaged, BlobMissing, StorageUnavailable
from symdepot.domain.ids import Checksum
from symdepot.symcaches import disk_cache as disk_cache_module
from symdepot.symcaches.disk_cache import DiskCache

pytestmark = pytest.mark.django_db

CONTENT = b"SYMC and what follows"
NAME = Checksum.of(CONTENT)
HOUR = 3600.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "disk_cache"


@pytest.fixture
def disk_cache(folder: Path) -> DiskCache:
    return DiskCache(folder, limit_bytes=1000)


def read(
    disk_cache: DiskCache, store: BlobStore | None = None, content: bytes = CONTENT
) -> bytes:
    checksum = Checksum.of(content)
    with disk_cache.file(checksum, len(content), store or blob_store()) as path:
        return path.read_bytes()


def put(disk_cache: DiskCache, content: bytes) -> Path:
    """Put `content` on the disk_cache, and return where it lies."""
    keep(content)
    read(disk_cache, content=content)
    return disk_cache._folder / Checksum.of(content).hex  # noqa: SLF001 -- to spoil it


def used(path: Path, *, hours_ago: float) -> None:
    when = time.time() - hours_ago * HOUR
    os.utime(path, (when, when))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_blob_of_the_store_is_read(disk_cache: DiskCache) -> None:
    keep(CONTENT)

    assert read(disk_cache) == CONTENT
    assert read(disk_cache) == CONTENT


def test_an_entry_needs_no_store(disk_cache: DiskCache) -> None:
    keep(CONTENT)
    read(disk_cache)

    assert read(disk_cache, MemoryStore()) == CONTENT


def test_damage_to_an_entry_is_not_damage_to_the_blob_on_the_same_disk(
    disk_cache: DiskCache, disk: Path, folder: Path
) -> None:
    keep(CONTENT)

    assert read(disk_cache) == CONTENT
    with (folder / NAME.hex).open("r+b") as entry:
        entry.write(b"x")
    assert next(disk.rglob(NAME.hex)).read_bytes() == CONTENT
    assert names(folder) == {NAME.hex}


@pytest.mark.usefixtures("disk")
def test_an_open_entry_survives_deletion_from_the_store(disk_cache: DiskCache) -> None:
    keep(CONTENT)

    with disk_cache.file(NAME, len(CONTENT), blob_store()) as path:
        blob_store().delete(NAME)
        assert path.read_bytes() == CONTENT


def test_an_entry_can_be_opened_after_its_removal(
    disk_cache: DiskCache, folder: Path
) -> None:
    keep(CONTENT)

    with disk_cache.file(NAME, len(CONTENT), blob_store()) as path:
        (folder / NAME.hex).unlink()
        assert path.read_bytes() == CONTENT


def test_an_old_blob_is_a_recently_used_entry(
    disk_cache: DiskCache, disk: Path, folder: Path
) -> None:
    keep(CONTENT)
    used(next(disk.rglob(NAME.hex)), hours_ago=1000)

    read(disk_cache)

    assert disk_cache.evict() == 0
    assert names(folder) == {NAME.hex}


@pytest.mark.parametrize("place", [0, len(CONTENT) // 2, len(CONTENT) - 1])
def test_damaged_bytes_are_refused_and_not_stored(
    disk: Path, folder: Path, place: int
) -> None:
    """One bit is enough: symbolic may read a damaged symcache until memory ends."""
    keep(CONTENT)
    damaged = bytearray(CONTENT)
    damaged[place] ^= 1
    next(disk.rglob(NAME.hex)).write_bytes(damaged)
    disk_cache = DiskCache(folder, limit_bytes=1000)

    with pytest.raises(BlobDamaged):
        read(disk_cache)

    assert names(folder) == set()


def test_a_missing_blob_is_missing(disk_cache: DiskCache, folder: Path) -> None:
    with pytest.raises(BlobMissing):
        read(disk_cache)

    assert names(folder) == set()


def test_a_truncated_entry_is_fetched_again(
    disk_cache: DiskCache, folder: Path
) -> None:
    keep(CONTENT)
    folder.mkdir()
    (folder / NAME.hex).write_bytes(CONTENT[:5])

    assert read(disk_cache) == CONTENT


def test_an_unwritable_disk_is_storage_unavailable(tmp_path: Path) -> None:
    keep(CONTENT)
    (tmp_path / "file").touch()

    with pytest.raises(StorageUnavailable):
        read(DiskCache(tmp_path / "file" / "disk_cache", limit_bytes=1000))


def test_concurrent_readers_share_an_entry(folder: Path, disk: Path) -> None:
    keep(CONTENT)
    store = LocalStore(disk)

    def reading() -> Callable[[], bytes]:
        own = DiskCache(folder, limit_bytes=1000)
        return lambda: read(own, store)

    found = run_at_once([reading() for _ in range(8)])

    assert found == [CONTENT] * 8
    assert names(folder) == {NAME.hex}


@pytest.mark.upstream(85)
def test_entries_unused_for_two_days_are_evicted(
    disk_cache: DiskCache, folder: Path
) -> None:
    path = put(disk_cache, CONTENT)
    assert disk_cache.evict() == 0
    used(path, hours_ago=35)
    assert disk_cache.evict() == 0

    used(path, hours_ago=48)

    assert disk_cache.evict() == 1
    assert names(folder) == set()


def test_reading_an_entry_prevents_eviction(disk_cache: DiskCache) -> None:
    path = put(disk_cache, CONTENT)
    used(path, hours_ago=48)

    read(disk_cache)

    assert disk_cache.evict() == 0
    assert path.exists()


def test_above_the_limit_the_least_recently_used_are_evicted(
    disk_cache: DiskCache, folder: Path
) -> None:
    paths = [put(disk_cache, bytes([n]) * 300) for n in range(5)]
    for hours, path in enumerate(paths, start=1):
        used(path, hours_ago=hours)

    assert disk_cache.evict() == 2
    assert names(folder) == {path.name for path in paths[:3]}


def test_recently_used_entries_stay_above_the_limit(
    disk_cache: DiskCache, folder: Path
) -> None:
    put(disk_cache, b"a" * 800)
    put(disk_cache, b"b" * 800)

    assert disk_cache.evict() == 0
    assert len(names(folder)) == 2


def test_adding_an_entry_evicts_others(folder: Path) -> None:
    old = put(DiskCache(folder, limit_bytes=1000), b"a" * 800)
    used(old, hours_ago=1)

    put(DiskCache(folder, limit_bytes=1000), b"b" * 800)

    assert not old.exists()


def test_incomplete_fetches_are_removed_when_their_process_is_gone(
    disk_cache: DiskCache, folder: Path
) -> None:
    entry = put(disk_cache, CONTENT)
    used(entry, hours_ago=2)
    _, descriptor = temporary_files.create(folder, prefix="incoming-")
    for name, hours_ago in ("old", 2), ("new", 0.5):  # of other machines
        (folder / f"incoming-{name}").touch()
        used(folder / f"incoming-{name}", hours_ago=hours_ago)

    assert disk_cache.evict() == 1
    assert len(names(folder)) == 3

    os.close(descriptor)
    assert disk_cache.evict() == 1
    assert names(folder) == {NAME.hex, "incoming-new"}


def test_an_unused_cache_has_nothing_to_evict(disk_cache: DiskCache) -> None:
    assert disk_cache.evict() == 0


def test_a_symcache_in_a_bucket_is_fetched_once(
    s3_server: S3Server, disk_cache: DiskCache, tmp_path: Path
) -> None:
    store = BucketStore(
        buckets.from_url(s3_server.url(uuid4().hex)), tmp_path / "scratch"
    )
    store.put(NAME, BytesIO(CONTENT))

    assert read(disk_cache, store) == CONTENT
    store.delete(NAME)
    assert read(disk_cache, store) == CONTENT


@pytest.mark.parametrize("bit", range(0, len(CONTENT) * 8, 7))
def test_a_flipped_bit_is_never_read(
    disk_cache: DiskCache, folder: Path, bit: int
) -> None:
    flip(put(disk_cache, CONTENT), bit)

    another_process = DiskCache(folder, limit_bytes=1000)
    assert read(another_process) == CONTENT
    assert (folder / NAME.hex).read_bytes() == CONTENT


def test_a_change_of_a_verified_entry_is_noticed(disk_cache: DiskCache) -> None:
    entry = put(disk_cache, CONTENT)
    read(disk_cache)
    time.sleep(0.02)  # longer than a tick of the file system's clock

    flip(entry, 9)

    assert read(disk_cache) == CONTENT


def test_an_entry_is_verified_again_after_a_time(
    disk_cache: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = put(disk_cache, CONTENT)
    read(disk_cache)
    monkeypatch.setattr(disk_cache_module, "_version", lambda _: (0, 0))
    read(disk_cache)

    flip(entry, 9)
    monkeypatch.setattr(disk_cache_module, "VERIFIED_SECONDS", -1.0)

    assert read(disk_cache) == CONTENT


def test_damage_to_entry_and_blob_is_an_error(
    disk_cache: DiskCache, disk: Path
) -> None:
    flip(put(disk_cache, CONTENT), 9)
    flip(next(disk.rglob(NAME.hex)), 9)

    with pytest.raises(BlobDamaged):
        read(disk_cache)


def flip(path: Path, bit: int) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(damaged)
