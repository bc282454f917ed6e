"""The interface between this system and the disk or bucket that has its blobs.

A blob is stored under the same path in a folder and in a bucket:

    ab/cd/abcd…       the bytes whose SHA-1 is abcd…, and nothing else
    store-id          the random id of the store, see `store_id_guard`; not a blob

Two levels of 256 keep folders small: of ten million blobs, 150 are in each.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO, Protocol

from symdepot.domain.ids import Checksum

BLOCK_BYTES = 1 << 20
ID_PATH = "store-id"
_BLOB_PATH = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{36})").fullmatch


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob in a listing; `written_at` is when it was last put."""

    checksum: Checksum
    size_bytes: int
    written_at: datetime


@dataclass(frozen=True, slots=True)
class LocalState:
    """What the file system has of a blob's file.

    `changed_at`: when its content, or anything else about it, last changed (`st_ctime`).
    """

    size_bytes: int
    changed_at: datetime


class BlobWriter(Protocol):
    """Writes one blob, which is invisible until `commit`.

    End each with `commit` or `discard`; `discard` after either is no error.
    """

    @property
    def checksum(self) -> Checksum:
        """SHA-1 of the bytes written so far."""

    def write(self, data: bytes, /) -> int:
        """Write all of `data`; return its size.

        Raises:
            StorageUnavailable: the disk or bucket failed.
        """

    def commit(self) -> int:
        """Make the blob visible and safe from a loss of power; return its size.

        Raises:
            ChecksumMismatch: its checksum is not the claimed one; nothing is stored.
            StorageUnavailable: the disk or bucket failed.
        """

    def discard(self) -> None:
        """Drop the bytes written so far."""


class BlobStore(Protocol):
    """Stores bytes under their SHA-1. Blobs are written once and never changed.

    Every implementation passes `tests/contracts/test_blob_stores.py`. Any method
    raises `StorageUnavailable` if the disk or bucket does not answer.
    """

    def receive(self, checksum: Checksum | None = None) -> BlobWriter:
        """Return a writer of the blob `checksum`, or of one of any checksum."""

    def put(self, checksum: Checksum, content: BinaryIO) -> int:
        """Store `content` and return its size in bytes.

        Replaces a blob of this checksum, and so repairs a damaged one.

        Raises:
            ChecksumMismatch: `content` does not hash to `checksum`; nothing is stored.
        """
        writer = self.receive(checksum)
        try:
            copyfileobj(content, writer, BLOCK_BYTES)
            return writer.commit()
        finally:
            writer.discard()

    def open(self, checksum: Checksum, *, start: int = 0) -> BinaryIO:
        """Return a reader of the bytes from offset `start`; the caller closes it.

        Raises:
            BlobMissing: there is no such blob.
        """

    def on_disk(self, checksum: Checksum) -> AbstractContextManager[Path]:
        """Return a local file with the bytes, valid inside the context. Read-only.

        It may be the blob itself or a copy. The content is not verified.

        Raises:
            BlobMissing: there is no such blob.
        """

    def signed_url(self, checksum: Checksum, *, valid_for: timedelta) -> str | None:
        """Return a URL for GET without credentials; None if the store has none.

        Does not check that the blob exists.
        """

    def local_state(self, checksum: Checksum) -> LocalState | None:
        """Return the state of the blob's file; None if the store is not on a local disk.

        Takes microseconds, so that it can be compared before every use.

        Raises:
            BlobMissing: there is no such blob.
        """

    def delete(self, checksum: Checksum) -> None:
        """Delete a blob; a missing one is no error."""

    def stored(self) -> Iterator[StoredBlob]:
        """List the blobs, unordered, without reading them.

        Blobs that are put or deleted meanwhile may be listed or not. `written_at` is
        by the clock of the disk or bucket.
        """

    def remove_stale(self, older_than: timedelta) -> int:
        """Remove what crashed writers left; return how many files.

        Of writers on other machines: what was last written `older_than` ago. A writer
        that is this slow may lose its bytes; then its `commit` fails.
        """

    def read_id(self) -> str | None:
        """Return the id of the store; None if it has none."""

    def write_id(self, store_id: str) -> None:
        """Replace the id of the store. It appears at once and whole."""

    def require_known(self) -> None:
        """Check that this is the store that the database knows, if that is recorded.

        Raises:
            WrongStore: it is not.
        """
        return

    def __contains__(self, checksum: Checksum) -> bool: ...

    def __iter__(self) -> Iterator[Checksum]:
        return (blob.checksum for blob in self.stored())


def blob_path(checksum: Checksum) -> str:
    """Return the path of a blob, from the root of its store.

    >>> blob_path(Checksum.of(b"abc"))
    'a9/99/a9993e364706816aba3e25717850c26c9cd0d89d'
    """
    return f"{checksum.hex[:2]}/{checksum.hex[2:4]}/{checksum.hex}"


def checksum_of_path(path: str) -> Checksum | None:
    """Return the blob at `path`; None for a path of no blob. Inverse of `blob_path`.

    >>> checksum_of_path("a9/99/a9993e364706816aba3e25717850c26c9cd0d89d")
    Checksum(hex='a9993e364706816aba3e25717850c26c9cd0d89d')
    >>> checksum_of_path("lost+found/README") is None
    True
    """
    match = _BLOB_PATH(path)
    return Checksum(match[3]) if match else None
