"""Lends files on the local disk for as long as something is in work."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from symdepot.domain.errors import StorageUnavailable


@contextmanager
def scratch_file(folder: Path, *, prefix: str) -> Iterator[Path]:
    """Lend an empty file in `folder`; it is gone at the end.

    Whatever the system has to say against it meanwhile is the storage's trouble: the
    disk is full while it is written, say.

    Raises:
        StorageUnavailable: the scratch disk did not answer, or is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=prefix, dir=folder)
        os.close(handle)
        path = Path(name)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageUnavailable from error
