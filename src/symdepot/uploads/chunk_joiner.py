"""Joins chunks to a file on the local disk, and verifies its checksum."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from symdepot.blobs.incoming import read_blocks, storage_errors, verify, verify_content
from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import ChecksumMismatch
from symdepot.domain.ids import Checksum
from symdepot.uploads.scratch import scratch_file


@contextmanager
def verified_file(
    checksum: Checksum, chunks: Sequence[Checksum], store: BlobStore, scratch: Path
) -> Iterator[Path]:
    """Yield the path of the file that `chunks` make, verified. Read-only.

    A file of one chunk is read in the store. Any other is copied to `scratch` for the
    block. Hashes every byte once; hashes single chunks only if the file is wrong, to
    find the damaged one.

    Raises:
        ChecksumMismatch: the chunks are sound, but do not make `checksum`.
        BlobDamaged: a chunk has another checksum than its name.
        BlobMissing: the bytes of a chunk are gone.
        StorageUnavailable: the store or the scratch disk did not answer.
    """
    with local_file(checksum, chunks, store, scratch) as path:
        if len(chunks) == 1:
            verify(chunks[0], checksum)
            with storage_errors(), path.open("rb", buffering=0) as content:
                verify_content(content, checksum)
        yield path


@contextmanager
def local_file(
    checksum: Checksum, chunks: Sequence[Checksum], store: BlobStore, scratch: Path
) -> Iterator[Path]:
    """Yield the path as `verified_file` does; a file of one chunk is not verified."""
    if len(chunks) == 1:
        with store.on_disk(chunks[0]) as path:
            yield path
        return
    with scratch_file(scratch, prefix="joined-") as path:
        _copy(checksum, chunks, store, path)
        yield path


def _copy(
    checksum: Checksum, chunks: Sequence[Checksum], store: BlobStore, path: Path
) -> None:
    whole = hashlib.sha1(usedforsecurity=False)
    with path.open("wb") as copy:
        for chunk in chunks:
            with store.open(chunk) as content:
                for block in read_blocks(content):
                    whole.update(block)
                    copy.write(block)
    actual = Checksum(whole.hexdigest())
    if actual != checksum:
        # A chunk is damaged, or the list is wrong.
        for chunk in dict.fromkeys(chunks):
            with store.open(chunk) as content:
                verify_content(content, chunk)
        raise ChecksumMismatch(claimed=checksum, actual=actual)
