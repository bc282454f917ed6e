"""Goes through folders and finds their files, each once, wherever links lead."""

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG

_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_QUIET = frozenset({"000Admin", "file.ptr", "index2.txt", "pingme.txt", "refs.ptr"})
"""What a symbol store keeps for itself. Source: spec/serving 2.3."""


@dataclass(frozen=True, slots=True)
class WalkedFile:
    """A file: where it really lies, and what tells whether it is still the same."""

    path: Path
    size_bytes: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class UnreadablePath:
    """A folder or file that could not be looked at, and why."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class WalkTotals:
    """How much there is to go through."""

    files: int
    size_bytes: int


def count_files(paths: Iterable[Path]) -> WalkTotals:
    """Count what `walk` will find, which takes a look at every file's size."""
    files, size_bytes = 0, 0
    for one in walk(paths):
        if isinstance(one, WalkedFile):
            files, size_bytes = files + 1, size_bytes + one.size_bytes
    return WalkTotals(files, size_bytes)


def walk(paths: Iterable[Path]) -> Iterator[WalkedFile | UnreadablePath]:
    """Yield the files at and below `paths`, in the order of their names.

    A link is followed, and what it leads to is found once, under its real name, in
    however many ways it can be reached. Links that lead nowhere, devices, and what a
    symbol store keeps for itself are passed over.
    """
    seen: set[tuple[int, int]] = set()
    waiting = list(paths)[::-1]
    while waiting:
        path = waiting.pop()
        try:
            path = (
                Path(os.path.realpath(path)) if path.is_symlink() else path.absolute()
            )
            status = path.stat()
            same = (status.st_dev, status.st_ino)
            if same in seen:
                continue
            seen.add(same)
            if S_ISDIR(status.st_mode):
                waiting += _children(path)
            elif S_ISREG(status.st_mode):
                yield _found(path, status)
        except OSError as error:
            # A link that leads nowhere, or a file that has gone, is nobody's fault.
            if error.errno not in _NOWHERE:
                yield UnreadablePath(path, f"It cannot be read: {error.strerror}.")


def is_unchanged(found: WalkedFile) -> bool:
    """Say whether the file is what it was when it was found.

    Raises:
        OSError: it cannot be looked at any more.
    """
    return _found(found.path, found.path.stat()) == found


def _children(folder: Path) -> list[Path]:
    """Return what is in a folder, in reverse order."""
    inside = [path for path in folder.iterdir() if path.name not in _QUIET]
    return sorted(inside, reverse=True)


def _found(path: Path, status: os.stat_result) -> WalkedFile:
    return WalkedFile(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
