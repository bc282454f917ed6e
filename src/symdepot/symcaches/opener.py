"""Open symcaches; queue those that are missing, due for another attempt, or damaged."""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.utils import timezone

from symdepot.blobs.store import BlobStore
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import BlobDamaged, BlobMissing
from symdepot.domain.ids import Checksum
from symdepot.domain.symcache import conversion
from symdepot.domain.symcache.reader import OpenSymCache
from symdepot.symcaches import failure_report, lifecycle
from symdepot.symcaches.disk_cache import VERIFIED_SECONDS, DiskCache
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads import chunks
from symdepot.uploads.models import File

_MAX_OPEN = 128
"""Symcaches that a process keeps open. Each is mapped and caches names that were read."""


@dataclass(frozen=True, slots=True)
class SymCacheUnavailable:
    """Why there is no symcache. `detail`: the reason of a failure.

    `outcome` is None if the file cannot have one, or this server creates none.
    """

    outcome: Outcome | None
    detail: str = ""


class MemoryCache:
    """The most recently used open symcaches, by checksum. Thread-safe.

    Forgets each after `VERIFIED_SECONDS`, so that it is verified and mapped again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Checksum, tuple[OpenSymCache, float]] = OrderedDict()

    def get(self, checksum: Checksum) -> OpenSymCache | None:
        """Return the open symcache with this checksum."""
        with self._lock:
            found = self._entries.get(checksum)
            if found is None:
                return None
            symcache, opened_at = found
            if time.monotonic() - opened_at > VERIFIED_SECONDS:
                del self._entries[checksum]
                return None
            self._entries.move_to_end(checksum)
            return symcache

    def add(self, checksum: Checksum, symcache: OpenSymCache) -> OpenSymCache:
        """Add an open symcache. Return it, or the one that another thread added first.

        Evicts the least recently used; it stays usable for callers that have it.
        """
        with self._lock:
            entry = (symcache, time.monotonic())
            found, _ = self._entries.setdefault(checksum, entry)
            self._entries.move_to_end(checksum)
            while len(self._entries) > _MAX_OPEN:
                self._entries.popitem(last=False)
            return found


@cache
def memory_cache() -> MemoryCache:
    """Return the memory cache of this process."""
    return MemoryCache()


def ensure_rows(debug_files: Sequence[DebugFile]) -> dict[int, SymCache]:
    """Return the symcache rows by debug file id; queue missing ones and due failures.

    Files that cannot be converted have none.
    """
    rows = failure_report.latest_rows(debug_files)
    lacking = [one for one in debug_files if _is_lacking(one, rows.get(one.pk))]
    if not lacking or not settings.SYMCACHES:
        return rows
    for one in lacking:
        request_symcache(one)
    return failure_report.latest_rows(debug_files)


def open_row(
    row: SymCache | None, store: BlobStore, disk_cache: DiskCache
) -> OpenSymCache | SymCacheUnavailable:
    """Open the symcache of `row`, or share the open one. Queues a damaged one again.

    Raises:
        StorageUnavailable: the store or the disk did not answer.
    """
    if row is None:
        return SymCacheUnavailable(None)
    if row.outcome != Outcome.MADE:
        return SymCacheUnavailable(Outcome(row.outcome), row.detail)
    checksum = Checksum(row.checksum)
    opened = memory_cache().get(checksum)
    try:
        if not opened:
            with disk_cache.file(checksum, row.size_bytes, store) as path:
                opened = memory_cache().add(checksum, OpenSymCache.open(path))
    except (BlobMissing, BlobDamaged, ValueError):
        lifecycle.recreate(row)
        return SymCacheUnavailable(Outcome.QUEUED)
    return opened


def request_symcache(debug_file: DebugFile) -> None:
    """Queue the symcache of `debug_file`, if it can have one and was not deleted."""
    with chunks.not_while_freeing():
        file = File.objects.filter(pk=debug_file.file_id).first()
        if file is not None:
            objects = [(file, debug_file.object_file())]
            lifecycle.request(objects)


def _is_lacking(one: DebugFile, row: SymCache | None) -> bool:
    if row is None:
        return conversion.is_convertible(one.object_file())
    return row.retry_at is not None and row.retry_at <= timezone.now()
