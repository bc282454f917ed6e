"""Temporary files on the local disk: the one way for packages to get one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from symdepot.blobs.incoming import storage_errors


@contextmanager
def scratch_file(folder: Path, *, prefix: str) -> Iterator[Path]:
    """Yield the path of an empty file in `folder`, and delete it after the block.

    Raises:
        StorageUnavailable: the disk is full or failed; any `OSError` within the block.
    """
    with storage_errors():
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=prefix, dir=folder)
        os.close(handle)
        path = Path(name)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
