"""Blobs in a dict, for tests: gone when the process is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from symdepot.blobs.incoming import verify, write_all
from symdepot.blobs.store import BlobWriter, StoredBlob
from symdepot.domain.errors import BlobMissing
from symdepot.domain.ids import Checksum


class MemoryStore:
    """A `BlobStore` that keeps everything in memory."""

    def __init__(self) -> None:
        self._blobs: dict[Checksum, bytes] = {}
        self._written_at: dict[Checksum, datetime] = {}

    def receive(self, checksum: Checksum | None = None) -> BlobWriter:
        """Return a writer whose bytes will be kept under `checksum`, or their own."""
        return _MemoryWriter(checksum, self._settle)

    def put(self, checksum: Checksum, content: BinaryIO) -> int:
        """Keep `content` and return its size in bytes."""
        return write_all(self.receive(checksum), content)

    def open(self, checksum: Checksum, *, start: int = 0) -> BinaryIO:
        """Return a reader of the bytes from offset `start`."""
        return BytesIO(self._read(checksum)[start:])

    @contextmanager
    def on_disk(self, checksum: Checksum) -> Iterator[Path]:
        """Lend a copy of the bytes."""
        content = self._read(checksum)
        with NamedTemporaryFile() as copy:
            copy.write(content)
            copy.flush()
            yield Path(copy.name)

    def signed_url(self, checksum: Checksum, *, valid_for: timedelta) -> str | None:
        """Return None: only processes of this machine can reach it."""

    def delete(self, checksum: Checksum) -> None:
        """Forget the bytes."""
        self._blobs.pop(checksum, None)

    def stored(self) -> Iterator[StoredBlob]:
        """List what is kept."""
        for checksum, content in list(self._blobs.items()):
            yield StoredBlob(checksum, len(content), self._written_at[checksum])

    def sweep_incoming(self, older_than: timedelta) -> int:  # noqa: ARG002 -- as others have it
        """Find nothing: what is in memory dies with its writer."""
        return 0

    def __contains__(self, checksum: Checksum) -> bool:
        return checksum in self._blobs

    def __iter__(self) -> Iterator[Checksum]:
        return iter(list(self._blobs))

    def _settle(self, checksum: Checksum, content: bytes) -> None:
        self._written_at[checksum] = datetime.now(UTC)
        self._blobs[checksum] = content

    def _read(self, checksum: Checksum) -> bytes:
        try:
            return self._blobs[checksum]
        except KeyError as error:
            raise BlobMissing(checksum) from error


class _MemoryWriter:
    """Collects what is written."""

    def __init__(
        self, claimed: Checksum | None, settle: Callable[[Checksum, bytes], None]
    ) -> None:
        self._claimed = claimed
        self._settle = settle
        self._content = bytearray()

    @property
    def checksum(self) -> Checksum:
        return Checksum.of(bytes(self._content))

    def write(self, data: bytes, /) -> int:
        self._content += data
        return len(data)

    def keep(self) -> int:
        content, checksum = bytes(self._content), self.checksum
        if self._claimed is not None:
            verify(checksum.hex, self._claimed)
        self._settle(checksum, content)
        return len(content)

    def discard(self) -> None:
        self._content.clear()
