"""Reads and writes blobs block by block, and verifies their checksums."""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from shutil import copyfileobj
from typing import BinaryIO

from symdepot.blobs.store import BlobWriter
from symdepot.domain.errors import ChecksumMismatch, StorageUnavailable
from symdepot.domain.ids import Checksum

BLOCK_BYTES = 1 << 20


class VerifiedReader:
    """Reads `content`; raises at its end if it does not hash to `claimed`.

    The end is the read that returns nothing: only then are the bytes verified.
    `size_bytes` counts the bytes read.
    """

    def __init__(self, content: BinaryIO, claimed: Checksum) -> None:
        self._content = content
        self._claimed = claimed
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self.size_bytes = 0

    def read(self, limit: int, /) -> bytes:
        """Return up to `limit` bytes, a positive number; nothing at the end.

        Raises:
            ChecksumMismatch: at the end, if the content is not the claimed one.
        """
        data = self._content.read(limit)
        if not data:
            verify(self._sha1.hexdigest(), self._claimed)
        self._sha1.update(data)
        self.size_bytes += len(data)
        return data


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
        self.path = folder / f"{checksum or ''}-{token_hex(8)}"
        self.size_bytes = 0
        self._claimed = checksum
        self._publish = publish
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        try:
            # Blocks are large: a buffer would only copy them once more.
            self._file = self.path.open("xb", buffering=0)
        except OSError as error:
            raise StorageUnavailable from error

    @property
    def checksum(self) -> Checksum:
        """SHA-1 of the bytes written so far."""
        return Checksum(self._sha1.hexdigest())

    def write(self, data: bytes, /) -> int:
        """Write `data`, best in blocks of 64 KiB or more."""
        self._sha1.update(data)
        try:
            written = self._file.write(data)
            # A full disk writes what fits; only the next write fails.
            while written < len(data):
                written += self._file.write(memoryview(data)[written:])
        except OSError as error:
            raise StorageUnavailable from error
        self.size_bytes += written
        return written

    def commit(self) -> int:
        """Verify and publish the blob. The file is removed in any case."""
        try:
            if self._claimed is not None:
                verify(self._sha1.hexdigest(), self._claimed)
            self._publish(self)
        except OSError as error:
            raise StorageUnavailable from error
        finally:
            self.discard()
        return self.size_bytes

    def discard(self) -> None:
        """Close and remove the file, if it is still there."""
        # A file that cannot be removed is left to `remove_stale`: an error here would
        # hide a worse one.
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self.path.unlink()

    def fileno(self) -> int:
        """Return the descriptor of the open file."""
        return self._file.fileno()


def read_blocks(
    content: BinaryIO,
    limit_bytes: int = sys.maxsize,
    *,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[bytes]:
    """Yield the rest of `content`, at most `limit_bytes` of it."""
    left = limit_bytes
    while left > 0 and (block := content.read(min(left, block_bytes))):
        left -= len(block)
        yield block


def verify(sha1_hex: str, claimed: Checksum) -> None:
    """Compare a computed checksum with the claimed one.

    Raises:
        ChecksumMismatch: they differ.
    """
    actual = Checksum(sha1_hex)
    if actual != claimed:
        raise ChecksumMismatch(claimed=claimed, actual=actual)


def verify_content(content: BinaryIO, claimed: Checksum) -> None:
    """Read all of `content` and compare its checksum with the claimed one.

    Raises:
        ChecksumMismatch: they differ.
    """
    reader = VerifiedReader(content, claimed)
    while reader.read(BLOCK_BYTES):
        pass


def write_all(writer: BlobWriter, content: BinaryIO) -> int:
    """Write all of `content`, commit it and return its size in bytes.

    Raises:
        ChecksumMismatch: its checksum is not the claimed one; nothing is stored.
        StorageUnavailable: the disk or bucket failed.
    """
    try:
        copyfileobj(content, writer, BLOCK_BYTES)
        return writer.commit()
    finally:
        writer.discard()


def remove_stale(folder: Path, older_than: timedelta) -> int:
    """Remove the files of `folder` last written `older_than` ago; return how many.

    Raises:
        StorageUnavailable: the disk failed.
    """
    written_before = time.time() - older_than.total_seconds()
    removed = 0
    try:
        for path in folder.iterdir():
            # Its writer may commit or discard it meanwhile.
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < written_before:
                    path.unlink()
                    removed += 1
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StorageUnavailable from error
    return removed
