"""Joins chunks to the file they make, and believes none of them.

Enters assembled files: what they hash to, and which chunks they are made of.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from symdepot.blobs.incoming import VerifiedReader
from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import (
    BlobDamaged,
    ChecksumMismatch,
    FileTooLarge,
    StorageUnavailable,
)
from symdepot.domain.ids import Checksum
from symdepot.uploads.models import Chunk, File, FileChunk
from symdepot.uploads.scratch import scratch_file

_BLOCK_BYTES = 1024 * 1024


def file_size(
    chunks: Sequence[Checksum],
    sizes: Mapping[Checksum, int],
    *,
    name: str,
    limit_bytes: int,
) -> int:
    """Return how large in bytes `chunks` make a file: repeats count as they occur.

    Raises:
        FileTooLarge: it is more than `limit_bytes`.
    """
    total = sum(sizes[c] for c in chunks)
    if total > limit_bytes:
        raise FileTooLarge(name=name, size_bytes=total, limit_bytes=limit_bytes)
    return total


@contextmanager
def verified_file(
    checksum: Checksum, chunks: Sequence[Checksum], store: BlobStore, scratch: Path
) -> Iterator[Path]:
    """Lend the file that `chunks` make, as one file on local disk, read-only.

    A file of one chunk is lent where it lies. Any other is copied to `scratch`; the copy
    is gone at the end. Every byte is hashed once: a whole that is right has no wrong
    part, and only if it is wrong each chunk is hashed to find the damaged one.

    Raises:
        ChecksumMismatch: the chunks are sound but do not make `checksum`.
        BlobDamaged: a chunk no longer hashes to its name.
        BlobMissing: a chunk's bytes are gone.
        StorageUnavailable: the store or the scratch disk did not answer.
    """
    if len(chunks) == 1:
        with store.on_disk(chunks[0]) as path:
            _check_alone(checksum, chunks[0], path)
            yield path
        return
    with scratch_file(scratch, prefix="joined-") as path:
        _copy(checksum, chunks, store, path)
        yield path


@contextmanager
def local_file(
    checksum: Checksum, chunks: Sequence[Checksum], store: BlobStore, scratch: Path
) -> Iterator[Path]:
    """Lend the same file, one of a single chunk without having read it.

    Raises:
        As `verified_file`.
    """
    if len(chunks) == 1:
        with store.on_disk(chunks[0]) as path:
            yield path
        return
    with verified_file(checksum, chunks, store, scratch) as path:
        yield path


def _check_alone(checksum: Checksum, chunk: Checksum, path: Path) -> None:
    if chunk != checksum:
        raise ChecksumMismatch(claimed=checksum, actual=chunk)
    try:
        with path.open("rb", buffering=0) as content:
            _check(chunk, content)
    except OSError as error:
        raise StorageUnavailable from error


def _copy(
    checksum: Checksum, chunks: Sequence[Checksum], store: BlobStore, path: Path
) -> None:
    whole = hashlib.sha1(usedforsecurity=False)
    with path.open("wb") as copy:
        for chunk in chunks:
            with store.open(chunk) as content:
                while block := content.read(_BLOCK_BYTES):
                    whole.update(block)
                    copy.write(block)
    actual = Checksum(whole.hexdigest())
    if actual != checksum:
        _blame(chunks, store)
        raise ChecksumMismatch(claimed=checksum, actual=actual)


def _blame(chunks: Sequence[Checksum], store: BlobStore) -> None:
    """Look for the chunk that makes a file wrong; there is none if its list is wrong.

    Raises:
        BlobDamaged: this is the one.
    """
    for chunk in dict.fromkeys(chunks):
        with store.open(chunk) as content:
            _check(chunk, content)


def _check(chunk: Checksum, content: BinaryIO) -> None:
    reader = VerifiedReader(content, chunk)
    try:
        while reader.read(_BLOCK_BYTES):
            pass
    except ChecksumMismatch as mismatch:
        raise BlobDamaged(chunk) from mismatch


def record_file(
    checksum: Checksum, chunks: Sequence[Checksum], size_bytes: int
) -> File:
    """Return the file that `chunks` were seen to make; entering it twice is no error.

    A file that is here already stays as it is, even if it came in other chunks. One
    that was damaged is from now on made of these, and sound.
    """
    file, is_new = File.objects.get_or_create(
        checksum=checksum.hex, defaults={"size_bytes": size_bytes}
    )
    if file.damaged_at is not None:
        FileChunk.objects.filter(file=file).delete()
        file.damaged_at, file.size_bytes = None, size_bytes
        file.save(update_fields=["damaged_at", "size_bytes"])
        is_new = True
    if is_new:
        rows = Chunk.objects.filter(checksum__in={c.hex for c in chunks})
        ids = dict(rows.values_list("checksum", "pk"))
        FileChunk.objects.bulk_create(
            FileChunk(file=file, position=position, chunk_id=ids[chunk.hex])
            for position, chunk in enumerate(chunks)
        )
    return file
