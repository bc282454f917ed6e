r"""Blobs on disk.

    root/
    ├── ab/cd/abcd…             a blob, named by its SHA-1
    ├── store-id                the id of the store
    └── incoming/abcd…-5eed…    an unfinished blob (`-5eed…` if its checksum is not
                                known yet), locked; garbage after a crash

A committed blob survives a loss of power: its bytes are synced before it is renamed, and
its name is synced before `commit` returns. `sha1sum` checks the store:

    find ?? -type f -printf '%f  %p\n' | sha1sum --check --quiet
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from symdepot.blobs import incoming
from symdepot.blobs.incoming import IncomingFile, storage_errors
from symdepot.blobs.store import (
    ID_PATH,
    BlobStore,
    BlobWriter,
    LocalState,
    StoredBlob,
    blob_path,
    checksum_of_path,
)
from symdepot.domain.errors import BlobMissing
from symdepot.domain.ids import Checksum

_HEX_PAIR = re.compile(r"[0-9a-f]{2}").fullmatch


class LocalStore(BlobStore):
    """A `BlobStore` in the folder `root`, which is created for the first blob.

    Any number of processes may share it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._synced_folders: set[str] = set()

    def receive(self, checksum: Checksum | None = None) -> BlobWriter:
        """Return a writer of the blob `checksum`, or of one of any checksum."""
        with storage_errors():
            self._make_synced_folder(self._incoming)
        return IncomingFile(self._incoming, checksum, self._publish)

    def open(self, checksum: Checksum, *, start: int = 0) -> BinaryIO:
        """Return an unbuffered reader; read it in large blocks."""
        with storage_errors(checksum):
            content = self._path(checksum).open("rb", buffering=0)
            content.seek(start)
        return content

    @contextmanager
    def on_disk(self, checksum: Checksum) -> Iterator[Path]:
        """Return the path of the blob itself."""
        self._stat(checksum)
        yield self._path(checksum)

    def signed_url(self, checksum: Checksum, *, valid_for: timedelta) -> str | None:
        """Return None: files have no URL."""

    def local_state(self, checksum: Checksum) -> LocalState:
        """Return the size and the time of the last change of the file."""
        with storage_errors(checksum):
            status = self._path(checksum).stat()
        return LocalState(status.st_size, datetime.fromtimestamp(status.st_ctime, UTC))

    def delete(self, checksum: Checksum) -> None:
        """Delete the blob; open readers can read on."""
        with storage_errors():
            self._path(checksum).unlink(missing_ok=True)

    def stored(self) -> Iterator[StoredBlob]:
        """List the blobs; `written_at` is the modification time of the file."""
        for checksum in self._checksums():
            # Deleted since its folder was listed.
            with suppress(BlobMissing):
                yield self._stat(checksum)

    def remove_stale(self, older_than: timedelta) -> int:
        """Remove unfinished blobs of crashed writers; return how many."""
        return incoming.remove_stale(self._incoming, older_than)

    def read_id(self) -> str | None:
        """Return the content of the file `store-id`; None if it is empty."""
        with storage_errors(), suppress(FileNotFoundError):
            found = (self._root / ID_PATH).read_text("ascii", "replace")
            return found.strip() or None
        return None

    def write_id(self, store_id: str) -> None:
        """Write the file `store-id`, and sync it."""
        draft = self._root / f"{ID_PATH}.{token_hex(8)}"
        with storage_errors():
            self._root.mkdir(parents=True, exist_ok=True)
            try:
                with draft.open("x") as file:
                    file.write(f"{store_id}\n")
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(self._root / ID_PATH)
            finally:
                draft.unlink(missing_ok=True)
            _sync(self._root)

    def __contains__(self, checksum: Checksum) -> bool:
        with suppress(BlobMissing):
            self._stat(checksum)
            return True
        return False

    def _checksums(self) -> Iterator[Checksum]:
        # Other folders are not opened: only root may read `lost+found`.
        for top in filter(_is_blob_folder, _children(self._root)):
            for folder in filter(_is_blob_folder, _children(top)):
                for path in _children(folder):
                    relative = path.relative_to(self._root).as_posix()
                    if checksum := checksum_of_path(relative):
                        yield checksum

    def _path(self, checksum: Checksum) -> Path:
        return self._root / blob_path(checksum)

    def _stat(self, checksum: Checksum) -> StoredBlob:
        with storage_errors(checksum):
            status = self._path(checksum).stat()
        written_at = datetime.fromtimestamp(status.st_mtime, UTC)
        return StoredBlob(checksum, status.st_size, written_at)

    def _publish(self, file: IncomingFile) -> None:
        """Rename the file to its blob path; each step is synced before the next."""
        os.fsync(file.fileno())
        path = self._path(file.checksum)
        for folder in (path.parent.parent, path.parent):
            self._make_synced_folder(folder)
        file.path.replace(path)
        _sync(path.parent)

    def _make_synced_folder(self, folder: Path) -> None:
        """Create `folder` if it is missing, and sync its parent.

        Another process may have created an existing folder without syncing it yet, so
        each process syncs each folder once.
        """
        try:
            folder.mkdir()
        except FileExistsError:
            if str(folder) in self._synced_folders:
                return
        except FileNotFoundError:
            self._make_synced_folder(folder.parent)
            self._make_synced_folder(folder)
            return
        _sync(folder.parent)
        self._synced_folders.add(str(folder))


def _sync(folder: Path) -> None:
    """Write the names in `folder` to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_blob_folder(folder: Path) -> bool:
    """Whether the name is one of the two levels of blob folders."""
    return _HEX_PAIR(folder.name) is not None


def _children(folder: Path) -> list[Path]:
    """List a folder; a missing one, or a file, has no children."""
    with storage_errors():
        try:
            return list(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
