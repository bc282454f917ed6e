"""Symcaches at hand: files on the local disk that can be mapped into memory.

    folder/
    ├── abcd…             the bytes whose SHA-1 is abcd…, verified when they came
    └── incoming-5eed…    on their way in: of no use to anybody after a crash

Any number of processes may share the folder. An entry that is in use may go at any
time, since who uses it has it open. Where the store lies on the same disk, an entry is
another name for the store's own file and takes no room of its own.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from io import FileIO
from pathlib import Path
from secrets import token_hex

from django.conf import settings

from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import BlobDamaged, StorageUnavailable
from symdepot.domain.ids import Checksum
from symdepot.symcaches import creation

_INCOMING = "incoming-"
_UNUSED_SECONDS = 36 * 3600.0
"""What nobody has used for so long goes. Source: spec/sentry-server 6."""
_IN_HAND_SECONDS = 60.0
"""What was used so lately stays, even if there is too much."""
_TOUCH_SECONDS = 30.0
_ABANDONED_SECONDS = 3600.0
_PAUSE_SECONDS = 5.0
"""Between two looks at the whole folder, which may hold thousands of files."""


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    used_at: float
    size_bytes: int


class DiskCache:
    """A folder of symcaches that is kept to so many bytes."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._cleared_at = 0.0

    @contextmanager
    def lent(
        self, checksum: Checksum, size_bytes: int, store: BlobStore
    ) -> Iterator[Path]:
        """Lend a file with these bytes, to be opened or mapped before the end.

        Whoever has it mapped may go on afterwards.

        Raises:
            BlobMissing: `store` has no such bytes.
            BlobDamaged: what it has are others.
            StorageUnavailable: the store or the disk did not answer.
        """
        try:
            descriptor = self._open(checksum, size_bytes)
            if descriptor is None:
                descriptor = self._fetch(checksum, store)
        except OSError as error:
            raise StorageUnavailable from error
        try:
            # By this name it can be opened even if the entry is cleared away.
            yield Path(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)

    def clear(self) -> int:
        """Remove what is not used, and of the rest what is too much, oldest use first.

        Returns how many entries went.
        """
        self._cleared_at = time.monotonic()
        now = time.time()
        gone, left_bytes = 0, 0
        for entry in sorted(self._entries(), key=lambda e: e.used_at, reverse=True):
            unused_seconds = now - entry.used_at
            left_bytes += entry.size_bytes
            is_too_much = left_bytes > self._limit_bytes
            if unused_seconds > self._lasts(entry.path, is_too_much=is_too_much):
                with suppress(FileNotFoundError):
                    entry.path.unlink()
                left_bytes -= entry.size_bytes
                gone += 1
        return gone

    def _lasts(self, path: Path, *, is_too_much: bool) -> float:
        if path.name.startswith(_INCOMING):
            return _ABANDONED_SECONDS
        return _IN_HAND_SECONDS if is_too_much else _UNUSED_SECONDS

    def _entries(self) -> Iterator[_Entry]:
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                with suppress(FileNotFoundError):
                    found = path.stat()
                    yield _Entry(path, found.st_mtime, found.st_size)

    def _open(self, checksum: Checksum, size_bytes: int) -> int | None:
        """Open the entry; None if there is none, or one that a crash cut short."""
        try:
            descriptor = os.open(self._folder / checksum.hex, os.O_RDONLY)
        except FileNotFoundError:
            return None
        found = os.fstat(descriptor)
        if found.st_size != size_bytes:
            os.close(descriptor)
            return None
        if time.time() - found.st_mtime > _TOUCH_SECONDS:
            os.utime(descriptor)
        return descriptor

    def _fetch(self, checksum: Checksum, store: BlobStore) -> int:
        """Make the entry, and open it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        incoming = self._folder / f"{_INCOMING}{token_hex(8)}"
        try:
            with store.on_disk(checksum) as source:
                _link_or_copy(source, incoming)
            descriptor = _verified(incoming, checksum)
            incoming.replace(self._folder / checksum.hex)
        finally:
            # If both are names of one file, replacing one by the other does nothing.
            incoming.unlink(missing_ok=True)
        if time.monotonic() - self._cleared_at > _PAUSE_SECONDS:
            self.clear()
        return descriptor


@cache
def disk_cache() -> DiskCache:
    """Return the shelf of this machine, the same one each time."""
    return DiskCache(settings.SYMCACHE_DIR, settings.SYMCACHE_DISK_BYTES)


def _link_or_copy(source: Path, copy: Path) -> None:
    try:
        os.link(source, copy)
    except OSError:  # another disk, or one that knows no links
        shutil.copyfile(source, copy)


def _verified(path: Path, checksum: Checksum) -> int:
    """Open a new entry, if its bytes are right; they are safe from a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _check(descriptor, checksum)
        os.utime(descriptor)
        os.fsync(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(descriptor: int, checksum: Checksum) -> None:
    with FileIO(descriptor, closefd=False) as content:
        if creation.checksum_of(content) != checksum:
            raise BlobDamaged(checksum)
