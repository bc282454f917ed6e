"""Bytes at rest: the one interface between this system and a disk or a bucket."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from symdepot.domain.ids import Checksum


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob as its store lists it; `written_at` is when it was last put."""

    checksum: Checksum
    size_bytes: int
    written_at: datetime


class BlobWriter(Protocol):
    """Bytes on their way in. Nobody sees them until they are kept.

    End each with `keep` or `discard`; `discard` after either is no error.
    """

    @property
    def checksum(self) -> Checksum:
        """What was written so far hashes to."""
        ...

    def write(self, data: bytes, /) -> int:
        """Take the next bytes; return how many, which is all of them.

        Raises:
            StorageUnavailable: the disk or bucket did not take them.
        """
        ...

    def keep(self) -> int:
        """Make what was written visible, safe from a loss of power; return its size.

        Raises:
            ChecksumMismatch: it does not hash to what was said; nothing is kept.
            StorageUnavailable: the disk or bucket did not take it.
        """
        ...

    def discard(self) -> None:
        """Forget what was written."""
        ...


class BlobStore(Protocol):
    """Keeps bytes under the name of what they hash to. Written once, never changed.

    Every implementation passes `tests/contracts/test_blob_stores.py`. Any method
    raises `StorageUnavailable` when the disk or bucket does not answer.
    """

    def receive(self, checksum: Checksum | None = None) -> BlobWriter:
        """Return a writer whose bytes will be kept under `checksum`.

        Without one, they will be kept under whatever they hash to.
        """
        ...

    def put(self, checksum: Checksum, content: BinaryIO) -> int:
        """Keep `content` and return its size in bytes; keeping it twice is no error.

        Keeping it again replaces what is there, and so heals what was damaged.

        Raises:
            ChecksumMismatch: `content` does not hash to `checksum`; nothing is kept.
        """
        ...

    def open(self, checksum: Checksum, *, start: int = 0) -> BinaryIO:
        """Return a reader of the bytes from offset `start`, which the caller closes.

        Raises:
            BlobMissing: nothing is kept under `checksum`.
        """
        ...

    def on_disk(self, checksum: Checksum) -> AbstractContextManager[Path]:
        """Lend a local file with the bytes: the blob itself, or a copy until the end.

        The content is not verified, and the file must not be written to.

        Raises:
            BlobMissing: nothing is kept under `checksum`.
        """
        ...

    def signed_url(self, checksum: Checksum, *, valid_for: timedelta) -> str | None:
        """Return where anybody may GET the bytes for so long; None if nowhere.

        Whether there are any is not looked at.
        """
        ...

    def delete(self, checksum: Checksum) -> None:
        """Forget the bytes; forgetting what was never kept is no error."""
        ...

    def stored(self) -> Iterator[StoredBlob]:
        """List what is kept, in no order, without reading any of it.

        What is put or deleted meanwhile may be among it or not. Putting a blob again
        renews its age. Whose clock `written_at` was read from is the disk's or
        bucket's affair.
        """
        ...

    def sweep_incoming(self, older_than: timedelta) -> int:
        """Forget what crashed writers left, unfinished and untouched for so long.

        Returns how many there were. A writer that is this slow loses its bytes.
        """
        ...

    def __contains__(self, checksum: Checksum) -> bool: ...

    def __iter__(self) -> Iterator[Checksum]: ...
