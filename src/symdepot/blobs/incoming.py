"""Bytes on their way in: hashed as they come, in a file that nobody sees yet.

A reader that hashes what passes through it, so that no caller can forget to.
"""

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from shutil import copyfileobj
from typing import BinaryIO

from symdepot.blobs.store import BlobWriter
from symdepot.domain.errors import ChecksumMismatch, StorageUnavailable
from symdepot.domain.ids import Checksum


class VerifiedReader:
    """Wraps `content`; at its end, raises if it did not hash to `claimed`.

    The end is the read that returns nothing: only who reads until then knows that
    what came before was right. `size_bytes` counts what has passed.
    """

    def __init__(self, content: BinaryIO, claimed: Checksum) -> None:
        self._content = content
        self._claimed = claimed
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self.size_bytes = 0

    def read(self, limit: int, /) -> bytes:
        """Return up to `limit` bytes, a positive number; none is the end.

        Raises:
            ChecksumMismatch: this was the end, and the content was not as claimed.
        """
        data = self._content.read(limit)
        if not data:
            verify(self._sha1.hexdigest(), self._claimed)
        self._sha1.update(data)
        self.size_bytes += len(data)
        return data


def verify(sha1_hex: str, claimed: Checksum) -> None:
    """Compare what was hashed with what was said.

    Raises:
        ChecksumMismatch: they differ.
    """
    actual = Checksum(sha1_hex)
    if actual != claimed:
        raise ChecksumMismatch(claimed=claimed, actual=actual)


BLOCK_BYTES = 1 << 20


class IncomingFile:
    """A `BlobWriter` that holds what comes in a file of `folder`, which must exist.

    Once the bytes are known to be right, `settle` is called with this, still open,
    and makes them visible by moving or copying `path`. What is left there is removed.
    """

    def __init__(
        self,
        folder: Path,
        checksum: Checksum | None,
        settle: Callable[["IncomingFile"], None],
    ) -> None:
        self.path = folder / f"{checksum or ''}-{token_hex(8)}"
        self.size_bytes = 0
        self._claimed = checksum
        self._settle = settle
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        try:
            # Blocks are large: a buffer would only copy them once more.
            self._file = self.path.open("xb", buffering=0)
        except OSError as error:
            raise StorageUnavailable from error

    @property
    def checksum(self) -> Checksum:
        """What was written so far hashes to."""
        return Checksum(self._sha1.hexdigest())

    def write(self, data: bytes, /) -> int:
        """Take the next bytes, best in blocks of 64 KiB or more."""
        self._sha1.update(data)
        try:
            written = self._file.write(data)
            # A full disk takes what fits; only the next write says that it is full.
            while written < len(data):
                written += self._file.write(memoryview(data)[written:])
        except OSError as error:
            raise StorageUnavailable from error
        self.size_bytes += written
        return written

    def keep(self) -> int:
        """Verify and settle; whatever comes of it, the file is gone afterwards."""
        try:
            if self._claimed is not None:
                verify(self._sha1.hexdigest(), self._claimed)
            self._settle(self)
        except OSError as error:
            raise StorageUnavailable from error
        finally:
            self.discard()
        return self.size_bytes

    def discard(self) -> None:
        """Close and remove the file, if it is still there."""
        # What cannot be removed now is for `remove_stale`; it must not hide a worse error.
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self.path.unlink()

    def fileno(self) -> int:
        """Return the descriptor of the open file."""
        return self._file.fileno()


def write_all(writer: BlobWriter, content: BinaryIO) -> int:
    """Write all of `content`, keep it and return its size in bytes.

    Raises:
        ChecksumMismatch: it does not hash to what was said; nothing is kept.
        StorageUnavailable: the disk or bucket did not take it.
    """
    try:
        copyfileobj(content, writer, BLOCK_BYTES)
        return writer.keep()
    finally:
        writer.discard()


def remove_stale(folder: Path, older_than: timedelta) -> int:
    """Remove the files of `folder` last written to `older_than` ago; return how many.

    Raises:
        StorageUnavailable: the disk did not answer.
    """
    written_before = time.time() - older_than.total_seconds()
    removed = 0
    try:
        for path in folder.iterdir():
            # Somebody may keep or discard it between two looks.
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < written_before:
                    path.unlink()
                    removed += 1
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StorageUnavailable from error
    return removed
