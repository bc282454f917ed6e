"""Takes a symcache from where it was written into the store."""

import hashlib
from functools import partial
from io import FileIO
from pathlib import Path

from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import StorageUnavailable
from symdepot.domain.ids import Checksum


def keep(written: Path, store: BlobStore) -> tuple[Checksum, int]:
    """Put what is `written` into `store`; return its checksum and its size in bytes.

    Keeping it again replaces what is there, and so heals what was damaged.

    Raises:
        StorageUnavailable: the scratch disk or the store did not answer.
    """
    try:
        with written.open("rb", buffering=0) as content:
            checksum = checksum_of(content)
            content.seek(0)
            return checksum, store.put(checksum, content)
    except OSError as error:
        raise StorageUnavailable from error


def checksum_of(content: FileIO) -> Checksum:
    """Return what the rest of an open file hashes to."""
    return Checksum(hashlib.file_digest(content, _sha1).hexdigest())


_sha1 = partial(hashlib.sha1, usedforsecurity=False)
