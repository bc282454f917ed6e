"""Cuts a file that came as a whole into chunks, as a client would have."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import StorageUnavailable
from symdepot.domain.ids import Checksum

_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cut:
    """What a file was cut into; `sizes` are in bytes."""

    checksum: Checksum
    chunks: tuple[Checksum, ...]
    sizes: dict[Checksum, int]


class _Window:
    """Reads no further than `size_bytes` from where `content` stands."""

    def __init__(self, content: BinaryIO, size_bytes: int) -> None:
        self._content = content
        self._left = size_bytes

    def read(self, limit: int = -1, /) -> bytes:
        wanted = self._left if limit < 0 else min(limit, self._left)
        data = self._content.read(wanted)
        self._left -= len(data)
        return data


def cut(path: Path, store: BlobStore, *, chunk_bytes: int) -> Cut:
    """Keep the chunks of a file in `store` and return them.

    The same file sent in chunks of `chunk_bytes` shares all of them.

    Raises:
        StorageUnavailable: the file could not be read, or a chunk not be kept.
    """
    whole = hashlib.sha1(usedforsecurity=False)
    chunks: list[Checksum] = []
    sizes: dict[Checksum, int] = {}
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as content:
            for start in range(0, size_bytes, chunk_bytes):
                content.seek(start)
                checksum = _hashed(content, chunk_bytes, whole.update)
                chunks.append(checksum)
                if checksum not in sizes:
                    content.seek(start)
                    window = cast("BinaryIO", _Window(content, chunk_bytes))
                    sizes[checksum] = store.put(checksum, window)
    except OSError as error:
        raise StorageUnavailable from error
    return Cut(Checksum(whole.hexdigest()), tuple(chunks), sizes)


def _hashed(
    content: BinaryIO, chunk_bytes: int, also: Callable[[bytes], None]
) -> Checksum:
    sha1 = hashlib.sha1(usedforsecurity=False)
    window = _Window(content, chunk_bytes)
    while block := window.read(_BLOCK_BYTES):
        sha1.update(block)
        also(block)
    return Checksum(sha1.hexdigest())
