"""Blobs in memory, for tests: `SYMDEPOT_BLOB_URL=memory://`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from symdepot.blobs.incoming import verify
from symdepot.blobs.store import BlobStore, BlobWriter, LocalState, StoredBlob
from symdepot.domain.errors import BlobMissing
from symdepot.domain.ids import Checksum


class MemoryStore(BlobStore):
    """A `BlobStore` in the memory of one process."""

    def __init__(self) -> None:
        self._blobs: dict[Checksum, bytes] = {}
        self._written_at: dict[Checksum, datetime] = {}
        self._id: str | None = None

    def receive(self, checksum: Checksum | None = None) -> BlobWriter:
        """Return a writer of the blob `checksum`, or of one of any checksum."""
        return _MemoryWriter(checksum, self._publish)

    def open(self, checksum: Checksum, *, start: int = 0) -> BinaryIO:
        """Return a reader of the bytes from offset `start`."""
        return BytesIO(self._read(checksum)[start:])

    @contextmanager
    def on_disk(self, checksum: Checksum) -> Iterator[Path]:
        """Return a temporary file with the bytes."""
        content = self._read(checksum)
        with NamedTemporaryFile() as copy:
            copy.write(content)
            copy.flush()
            yield Path(copy.name)

    def signed_url(self, checksum: Checksum, *, valid_for: timedelta) -> str | None:
        """Return None: memory has no URL."""

    def local_state(self, checksum: Checksum) -> LocalState:
        """Return the size of the blob, and when it was put."""
        content = self._read(checksum)
        return LocalState(len(content), self._written_at[checksum])

    def delete(self, checksum: Checksum) -> None:
        """Delete the blob, if there is one."""
        self._blobs.pop(checksum, None)

    def stored(self) -> Iterator[StoredBlob]:
        """List the blobs."""
        for checksum, content in list(self._blobs.items()):
            yield StoredBlob(checksum, len(content), self._written_at[checksum])

    def remove_stale(self, older_than: timedelta) -> int:  # noqa: ARG002 -- part of the interface
        """Return 0: unfinished blobs end with their writers."""
        return 0

    def read_id(self) -> str | None:
        """Return the id that was written; None if it is empty."""
        return self._id or None

    def write_id(self, store_id: str) -> None:
        """Remember the id."""
        self._id = store_id

    def __contains__(self, checksum: Checksum) -> bool:
        return checksum in self._blobs

    def _publish(self, checksum: Checksum, content: bytes) -> None:
        self._written_at[checksum] = datetime.now(UTC)
        self._blobs[checksum] = content

    def _read(self, checksum: Checksum) -> bytes:
        try:
            return self._blobs[checksum]
        except KeyError as error:
            raise BlobMissing(checksum) from error


class _MemoryWriter:
    """Collects the bytes of one blob."""

    def __init__(
        self, claimed: Checksum | None, publish: Callable[[Checksum, bytes], None]
    ) -> None:
        self._claimed = claimed
        self._publish = publish
        self._content = bytearray()

    @property
    def checksum(self) -> Checksum:
        return Checksum.of(bytes(self._content))

    def write(self, data: bytes, /) -> int:
        self._content += data
        return len(data)

    def commit(self) -> int:
        content, checksum = bytes(self._content), self.checksum
        if self._claimed is not None:
            verify(checksum, self._claimed)
        self._publish(checksum, content)
        return len(content)

    def discard(self) -> None:
        self._content.clear()
