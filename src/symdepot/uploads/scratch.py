"""Temporary files on the local disk: the one way for packages to get one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from symdepot.blobs import temporary_files
from symdepot.blobs.incoming import storage_errors


@contextmanager
def scratch_file(folder: Path, *, prefix: str) -> Iterator[Path]:
    """Yield the path of an empty file in `folder`, and delete it after the block.

    If the process is killed, a worker deletes it.

    Raises:
        StorageUnavailable: the disk is full or failed; any `OSError` within the block.
    """
    with storage_errors():
        folder.mkdir(parents=True, exist_ok=True)
        path, descriptor = temporary_files.create(folder, prefix=prefix, mode=0o600)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
            os.close(descriptor)
