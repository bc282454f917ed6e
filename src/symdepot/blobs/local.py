r"""Blobs on disk.

    root/
    ├── ab/cd/abcd…             a blob, named by its SHA-1
    └── incoming/abcd…-5eed…    on its way in (`-5eed…` if nobody has said what it is):
                                of no use to anybody after a crash

What is kept survives a loss of power: the bytes are on the disk before they have
their name, and so is the name before `keep` returns. `sha1sum` checks the store:

    find ?? -type f -printf '%f  %p\n' | sha1sum --check --quiet
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from symdepot.blobs import blob_paths, incoming
from symdepot.blobs.incoming import IncomingFile
from symdepot.blobs.store import BlobWriter, StoredBlob
from symdepot.domain.errors import BlobMissing, StorageUnavailable
from symdepot.domain.ids import Checksum

_HEX_PAIR = re.compile(r"[0-9a-f]{2}").fullmatch


class LocalStore:
    """A `BlobStore` in the folder `root`, which is made when the first blob comes.

    Any number of processes may share it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._lasting: set[str] = set()

    def receive(self, checksum: Checksum | None = None) -> BlobWriter:
        """Return a writer whose bytes will be kept under `checksum`, or their own."""
        with _answering():
            self._make_lasting(self._incoming)
        return IncomingFile(self._incoming, checksum, self._settle)

    def put(self, checksum: Checksum, content: BinaryIO) -> int:
        """Keep `content` and return its size in bytes."""
        return incoming.write_all(self.receive(checksum), content)

    def open(self, checksum: Checksum, *, start: int = 0) -> BinaryIO:
        """Return a reader without a buffer of its own: best read in large blocks."""
        with _answering(checksum):
            content = self._path(checksum).open("rb", buffering=0)
            content.seek(start)
        return content

    @contextmanager
    def on_disk(self, checksum: Checksum) -> Iterator[Path]:
        """Lend the blob's own file."""
        path = self._path(checksum)
        with _answering(checksum):
            path.stat()
        yield path

    def signed_url(self, checksum: Checksum, *, valid_for: timedelta) -> str | None:
        """Return None: only processes of this machine can reach it."""

    def delete(self, checksum: Checksum) -> None:
        """Forget the bytes; who has them open can read on."""
        with _answering():
            self._path(checksum).unlink(missing_ok=True)

    def stored(self) -> Iterator[StoredBlob]:
        """List what is kept; a file is as old as its last byte."""
        for checksum in self:
            # It may have been deleted since its folder was listed.
            with suppress(BlobMissing):
                yield self._described(checksum)

    def sweep_incoming(self, older_than: timedelta) -> int:
        """Remove what crashed writers left `older_than` ago; return how many files.

        A writer that is this slow loses its file, and its `keep` fails.
        """
        return incoming.remove_stale(self._incoming, older_than)

    def __contains__(self, checksum: Checksum) -> bool:
        try:
            with _answering(checksum):
                self._path(checksum).stat()
        except BlobMissing:
            return False
        return True

    def __iter__(self) -> Iterator[Checksum]:
        # What is not ours is not looked into: `lost+found` may only be read by root.
        for top in filter(_is_ours, _children(self._root)):
            for folder in filter(_is_ours, _children(top)):
                for path in _children(folder):
                    relative = path.relative_to(self._root).as_posix()
                    if checksum := blob_paths.checksum_of_path(relative):
                        yield checksum

    def _path(self, checksum: Checksum) -> Path:
        return self._root / blob_paths.blob_path(checksum)

    def _described(self, checksum: Checksum) -> StoredBlob:
        with _answering(checksum):
            status = self._path(checksum).stat()
        written_at = datetime.fromtimestamp(status.st_mtime, UTC)
        return StoredBlob(checksum, status.st_size, written_at)

    def _settle(self, file: IncomingFile) -> None:
        """Give the bytes their name, each step on the disk before the next."""
        os.fsync(file.fileno())
        path = self._path(file.checksum)
        for folder in (path.parent.parent, path.parent):
            self._make_lasting(folder)
        file.path.replace(path)
        _sync(path.parent)

    def _make_lasting(self, folder: Path) -> None:
        """Make `folder` if need be, and see that a loss of power cannot undo that.

        One that is there already may have been made a moment ago, by a process that
        has not come to sync it: this process does so too, once.
        """
        try:
            folder.mkdir()
        except FileExistsError:
            if str(folder) in self._lasting:
                return
        except FileNotFoundError:
            self._make_lasting(folder.parent)
            self._make_lasting(folder)
            return
        _sync(folder.parent)
        self._lasting.add(str(folder))


@contextmanager
def _answering(wanted: Checksum | None = None) -> Iterator[None]:
    """Turn what the disk says into our words; without `wanted`, nothing is missed."""
    try:
        yield
    except FileNotFoundError as error:
        raise (BlobMissing(wanted) if wanted else StorageUnavailable()) from error
    except OSError as error:
        raise StorageUnavailable from error


def _sync(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_ours(folder: Path) -> bool:
    """Whether a folder is named as those that hold blobs."""
    return _HEX_PAIR(folder.name) is not None


def _children(folder: Path) -> list[Path]:
    """List a folder; what is not there, or is no folder, has nothing in it."""
    with _answering():
        try:
            return list(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
