"""Cuts a file that came as a whole into chunks, as a client would have."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from symdepot.blobs.store import BlobStore, BlobWriter
from symdepot.domain.ids import Checksum

_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SplitFile:
    """What a file was cut into; `sizes` are in bytes."""

    checksum: Checksum
    chunks: tuple[Checksum, ...]
    sizes: dict[Checksum, int]

    @property
    def size_bytes(self) -> int:
        """How large the file is: repeats count as they occur."""
        return sum(self.sizes[c] for c in self.chunks)


def split(
    path: Path,
    store: BlobStore,
    *,
    chunk_bytes: int,
    is_kept: Callable[[Checksum], bool] = lambda _: False,
) -> SplitFile:
    """Keep the chunks of a file in `store` and return them.

    The same file sent in chunks of `chunk_bytes` shares all of them. A chunk that
    `is_kept` already is not kept again. Every byte is read once and, in a file of one
    chunk, hashed once: such a file hashes to what its chunk does.

    Raises:
        OSError: the file could not be read.
        StorageUnavailable: a chunk could not be kept.
    """
    size_bytes = path.stat().st_size
    is_alone = 0 < size_bytes <= chunk_bytes
    whole = hashlib.sha1(usedforsecurity=False)
    chunks: list[Checksum] = []
    sizes: dict[Checksum, int] = {}
    with path.open("rb", buffering=0) as content:
        for start in range(0, size_bytes, chunk_bytes):
            with _receiving(store) as writer:
                for block in _blocks(content, min(chunk_bytes, size_bytes - start)):
                    writer.write(block)
                    if not is_alone:
                        whole.update(block)
                chunk = writer.checksum
                if chunk not in sizes and not is_kept(chunk):
                    writer.keep()
            chunks.append(chunk)
            sizes[chunk] = content.tell() - start
    checksum = chunks[0] if is_alone else Checksum(whole.hexdigest())
    return SplitFile(checksum, tuple(chunks), sizes)


@contextmanager
def _receiving(store: BlobStore) -> Iterator[BlobWriter]:
    writer = store.receive()
    try:
        yield writer
    finally:
        writer.discard()


def _blocks(content: FileIO, limit_bytes: int) -> Iterator[bytes]:
    left = limit_bytes
    while block := content.read(min(left, _BLOCK_BYTES)):
        left -= len(block)
        yield block
