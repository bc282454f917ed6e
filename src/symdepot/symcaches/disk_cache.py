"""Disk cache: symcaches on the local disk, to be mapped into memory.

    folder/
    ├── abcd…             bytes whose SHA-1 is abcd…, verified when they were fetched
    └── incoming-5eed…    being fetched, locked; garbage after a crash

Any number of processes may share the folder. An entry may be removed while it is in use,
because its users have it open. An entry is a copy even if the blob store is on the same
disk: damage to a hard link would be damage to both. Each process verifies an entry when
it opens it first, after a change of the file, and after `VERIFIED_SECONDS`.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from io import FileIO
from pathlib import Path

from django.conf import settings

from symdepot.blobs import temporary_files
from symdepot.blobs.incoming import storage_errors, verify_content
from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import BlobDamaged
from symdepot.domain.ids import Checksum

VERIFIED_SECONDS = 600.0
"""How long a process trusts an entry that it verified."""
_INCOMING = "incoming-"
_UNUSED_SECONDS = 36 * 3600.0
"""Entries unused for longer are removed. Source: spec/sentry-server 6."""
_MAX_VERIFIED = 10_000
_RECENT_SECONDS = 60.0
"""Entries used more recently stay, even if the cache is too large."""
_TOUCH_SECONDS = 30.0
_ABANDONED_AFTER = timedelta(hours=1)
"""For files of other machines."""
_MIN_EVICTION_INTERVAL_SECONDS = 5.0
"""Between two scans of the folder, which may have thousands of files."""


class DiskCache:
    """A folder of symcaches, limited to `limit_bytes`."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._evicted_at = 0.0
        self._verified: dict[Checksum, tuple[tuple[int, int], float]] = {}

    @contextmanager
    def file(
        self, checksum: Checksum, size_bytes: int, store: BlobStore
    ) -> Iterator[Path]:
        """Yield the path of a file with these bytes, fetched from `store` if necessary.

        The path is valid inside the context; mappings of the file stay valid after it.

        Raises:
            BlobMissing: `store` has no such blob.
            BlobDamaged: the bytes in `store` have another checksum.
            StorageUnavailable: the store or the disk did not answer.
        """
        with storage_errors():
            descriptor = self._open(checksum, size_bytes)
            if descriptor is None:
                descriptor = self._fetch(checksum, store)
        try:
            # This path can be opened even after the entry was removed.
            yield Path(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)

    def evict(self) -> int:
        """Remove unused entries, then the least recently used above the size limit.

        Returns the number of removed entries.
        """
        self._evicted_at = time.monotonic()
        now = time.time()
        left_bytes = 0
        removed = temporary_files.remove_abandoned(
            self._folder, _ABANDONED_AFTER, prefix=_INCOMING
        )
        for used_at, size_bytes, path in sorted(self._entries(), reverse=True):
            is_too_much = left_bytes + size_bytes > self._limit_bytes
            max_seconds = _RECENT_SECONDS if is_too_much else _UNUSED_SECONDS
            if now - used_at > max_seconds:
                path.unlink(missing_ok=True)
                removed += 1
            else:
                left_bytes += size_bytes
        return removed

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each entry was used, its size in bytes, and its path."""
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if path.name.startswith(_INCOMING):
                    continue
                with suppress(FileNotFoundError):
                    found = path.stat()
                    yield found.st_mtime, found.st_size, path

    def _open(self, checksum: Checksum, size_bytes: int) -> int | None:
        """Open an entry. None: there is none, or it is truncated or damaged."""
        try:
            descriptor = os.open(self._folder / checksum.hex, os.O_RDONLY)
        except FileNotFoundError:
            return None
        found = os.fstat(descriptor)
        if found.st_size != size_bytes:
            os.close(descriptor)
            return None
        if not self._is_sound(descriptor, checksum):
            os.close(descriptor)
            return None
        if time.time() - found.st_mtime > _TOUCH_SECONDS:
            os.utime(descriptor)
        return descriptor

    def _is_sound(self, descriptor: int, checksum: Checksum) -> bool:
        """Return whether the bytes are right; read them if that is not known."""
        now, version = time.monotonic(), _version(descriptor)
        known, verified_at = self._verified.get(checksum, (None, 0.0))
        if known == version and now - verified_at < VERIFIED_SECONDS:
            return True
        self._verified.pop(checksum, None)
        try:
            with FileIO(descriptor, closefd=False) as content:
                verify_content(content, checksum)
        except BlobDamaged:
            return False
        if len(self._verified) >= _MAX_VERIFIED:
            self._verified.clear()
        self._verified[checksum] = (version, now)
        return True

    def _fetch(self, checksum: Checksum, store: BlobStore) -> int:
        """Create an entry and open it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        incoming, locked = temporary_files.create(self._folder, prefix=_INCOMING)
        try:
            with store.on_disk(checksum) as source:
                shutil.copyfile(source, incoming)
            descriptor = _verified(incoming, checksum)
            incoming.replace(self._folder / checksum.hex)
        finally:
            incoming.unlink(missing_ok=True)
            os.close(locked)
        if time.monotonic() - self._evicted_at > _MIN_EVICTION_INTERVAL_SECONDS:
            self.evict()
        return descriptor


@cache
def disk_cache() -> DiskCache:
    """Return the disk cache of this machine."""
    return DiskCache(settings.SYMCACHE_DIR, settings.SYMCACHE_DISK_BYTES)


def _version(descriptor: int) -> tuple[int, int]:
    """Return what changes whenever the file is replaced, written to or touched."""
    found = os.fstat(descriptor)
    return found.st_ino, found.st_ctime_ns


def _verified(path: Path, checksum: Checksum) -> int:
    """Verify a new entry, sync it to disk, and return its descriptor."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with FileIO(descriptor, closefd=False) as content:
            verify_content(content, checksum)
        os.utime(descriptor)
        os.fsync(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
