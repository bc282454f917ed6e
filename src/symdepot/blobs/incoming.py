"""Reads and writes blobs block by block, and verifies their checksums."""

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from symdepot.blobs import temporary_files
from symdepot.blobs.store import BLOCK_BYTES
from symdepot.domain.errors import (
    BlobDamaged,
    BlobMissing,
    ChecksumMismatch,
    StorageUnavailable,
)
from symdepot.domain.ids import Checksum


class IncomingFile:
    """A `BlobWriter` to a file in `folder`, which must exist.

    When the checksum is verified, `publish` is called with this object, still open; it
    makes the blob visible by moving or copying `path`. Then the file is removed.
    """

    def __init__(
        self,
        folder: Path,
        checksum: Checksum | None,
        publish: Callable[["IncomingFile"], None],
    ) -> None:
        self.size_bytes = 0
        self._claimed = checksum
        self._publish = publish
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        with storage_errors():
            prefix = f"{checksum or ''}-"
            self.path, descriptor = temporary_files.create(folder, prefix=prefix)
            # Blocks are large: a buffer would only copy them once more.
            self._file = open(descriptor, "wb", buffering=0)  # noqa: PTH123, SIM115

    @property
    def checksum(self) -> Checksum:
        """SHA-1 of the bytes written so far."""
        return Checksum(self._sha1.hexdigest())

    def write(self, data: bytes, /) -> int:
        """Write `data`, best in blocks of 64 KiB or more."""
        self._sha1.update(data)
        with storage_errors():
            written = self._file.write(data)
            # A full disk writes what fits; only the next write fails.
            while written < len(data):
                written += self._file.write(memoryview(data)[written:])
        self.size_bytes += written
        return written

    def commit(self) -> int:
        """Verify and publish the blob. The file is removed in any case."""
        try:
            with storage_errors():
                if self._claimed is not None:
                    verify(self.checksum, self._claimed)
                self._publish(self)
        finally:
            self.discard()
        return self.size_bytes

    def discard(self) -> None:
        """Close and remove the file, if it is still there."""
        # A file that cannot be removed is left to `remove_stale`: an error here would
        # hide a worse one.
        with suppress(OSError):
            self.path.unlink()
        with suppress(OSError):
            self._file.close()

    def fileno(self) -> int:
        """Return the descriptor of the open file."""
        return self._file.fileno()


def read_blocks(
    content: BinaryIO, limit_bytes: int = sys.maxsize, *, block_bytes: int = BLOCK_BYTES
) -> Iterator[bytes]:
    """Yield the rest of `content`, at most `limit_bytes` of it."""
    left = limit_bytes
    while left > 0 and (block := content.read(min(left, block_bytes))):
        left -= len(block)
        yield block


def checksum_of(content: BinaryIO) -> Checksum:
    """Return the SHA-1 of the rest of `content`."""
    sha1 = hashlib.sha1(usedforsecurity=False)
    for block in read_blocks(content):
        sha1.update(block)
    return Checksum(sha1.hexdigest())


def verify(actual: Checksum, claimed: Checksum) -> None:
    """Compare a computed checksum with the claimed one.

    Raises:
        ChecksumMismatch: they differ.
    """
    if actual != claimed:
        raise ChecksumMismatch(claimed=claimed, actual=actual)


def verify_content(content: BinaryIO, checksum: Checksum) -> None:
    """Read the rest of `content`, which is the blob `checksum`.

    Raises:
        BlobDamaged: it has another checksum.
    """
    try:
        verify(checksum_of(content), checksum)
    except ChecksumMismatch as mismatch:
        raise BlobDamaged(checksum) from mismatch


@contextmanager
def storage_errors(wanted: Checksum | None = None) -> Iterator[None]:
    """Translate `OSError`; without `wanted`, a missing file is `StorageUnavailable`."""
    try:
        yield
    except OSError as error:
        # Its traceback leads to a frame of `contextlib` that refers to it: a cycle with
        # all variables of the callers.
        error.__traceback__ = None
        is_missing = isinstance(error, FileNotFoundError)
        raise (
            BlobMissing(wanted) if wanted and is_missing else StorageUnavailable()
        ) from error


def remove_stale(folder: Path, older_than: timedelta) -> int:
    """Remove the files of `folder` whose process is gone; return how many.

    Of other machines: those last written `older_than` ago.

    Raises:
        StorageUnavailable: the disk failed.
    """
    with storage_errors():
        return temporary_files.remove_abandoned(folder, older_than)
