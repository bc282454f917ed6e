"""Splits files into chunks, as a client does, and fat Mach-O files into thin ones."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from symdepot.blobs.incoming import read_blocks
from symdepot.blobs.store import BlobStore
from symdepot.domain.formats import fat_macho
from symdepot.domain.ids import Checksum
from symdepot.uploads.scratch import scratch_file


@dataclass(frozen=True, slots=True)
class SplitFile:
    """A file as chunks. `sizes`: bytes of each chunk."""

    checksum: Checksum
    chunks: tuple[Checksum, ...]
    sizes: dict[Checksum, int]

    @property
    def size_bytes(self) -> int:
        """Size of the file; repeats count each time."""
        return sum(self.sizes[c] for c in self.chunks)


def split(
    path: Path,
    store: BlobStore,
    *,
    chunk_bytes: int,
    is_stored: Callable[[Checksum], bool] = lambda _: False,
) -> SplitFile:
    """Store the chunks of a file and return them.

    Does not write chunks that `is_stored`. Reads every byte once. Hashes the bytes of a
    file of one chunk once: its checksum is that of the chunk.

    Raises:
        OSError: the file could not be read.
        StorageUnavailable: a chunk could not be stored.
    """
    size_bytes = path.stat().st_size
    is_single = 0 < size_bytes <= chunk_bytes
    file_hash = hashlib.sha1(usedforsecurity=False)
    chunks: list[Checksum] = []
    sizes: dict[Checksum, int] = {}
    with path.open("rb", buffering=0) as content:
        for start in range(0, size_bytes, chunk_bytes):
            writer = store.receive()
            try:
                for block in read_blocks(content, min(chunk_bytes, size_bytes - start)):
                    writer.write(block)
                    if not is_single:
                        file_hash.update(block)
                chunk = writer.checksum
                if chunk not in sizes and not is_stored(chunk):
                    writer.commit()
            finally:
                writer.discard()
            chunks.append(chunk)
            sizes[chunk] = content.tell() - start
    checksum = chunks[0] if is_single else Checksum(file_hash.hexdigest())
    return SplitFile(checksum, tuple(chunks), sizes)


def thin_files(path: Path, scratch: Path) -> Iterator[Path]:
    """Yield each thin file of a fat Mach-O file; of any other file, the file itself.

    A path is valid until the next one is requested.

    Raises:
        StorageUnavailable: the scratch disk is full, or failed.
        OSError: the file could not be read.
    """
    slices = fat_macho.slices(path)
    if not slices:
        yield path
    for each in slices:
        with scratch_file(scratch, prefix="thin-") as thin:
            with path.open("rb", buffering=0) as content, thin.open("wb") as copy:
                content.seek(each.offset)
                copy.writelines(read_blocks(content, each.size_bytes))
            yield thin
