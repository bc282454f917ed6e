"""Walk folders and find every file once, wherever symbolic links lead."""

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG

_DANGLING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_SYMBOL_STORE_FILES = frozenset(
    {"000Admin", "file.ptr", "index2.txt", "pingme.txt", "refs.ptr"}
)
"""Administrative files of a symbol store. Source: spec/serving 2.3."""


@dataclass(frozen=True, slots=True)
class WalkedFile:
    """A file by its real path. It is unchanged if all fields are."""

    path: Path
    size_bytes: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class UnreadablePath:
    """A folder or file that cannot be read, with a sentence why."""

    path: Path
    reason: str


def count_files(paths: Iterable[Path]) -> tuple[int, int]:
    """Return the number and bytes of the files that `walk` finds; calls `stat` on each."""
    files, size_bytes = 0, 0
    for found in walk(paths):
        if isinstance(found, WalkedFile):
            files, size_bytes = files + 1, size_bytes + found.size_bytes
    return files, size_bytes


def walk(paths: Iterable[Path]) -> Iterator[WalkedFile | UnreadablePath]:
    """Yield the files at and below `paths`, sorted by name.

    Links are followed; a file that is reached in several ways is yielded once.
    Dangling links, devices and administrative files of symbol stores are skipped.
    """
    seen: set[tuple[int, int]] = set()
    waiting = list(paths)[::-1]
    while waiting:
        path = waiting.pop()
        try:
            is_link = path.is_symlink()
            path = Path(os.path.realpath(path)) if is_link else path.absolute()
            status = path.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in seen:
                continue
            seen.add(identity)
            if S_ISDIR(status.st_mode):
                waiting += _children(path)
            elif S_ISREG(status.st_mode):
                yield _walked_file(path, status)
        except OSError as error:
            # A dangling link, or a file that was deleted meanwhile, is no failure.
            if error.errno not in _DANGLING:
                yield UnreadablePath(path, f"It cannot be read: {error.strerror}.")


def is_unchanged(found: WalkedFile) -> bool:
    """Return whether the file is the same as when it was found.

    Raises:
        OSError: it cannot be read any more.
    """
    return _walked_file(found.path, found.path.stat()) == found


def _children(folder: Path) -> list[Path]:
    """Return what is in a folder, in reverse order."""
    inside = [path for path in folder.iterdir() if path.name not in _SYMBOL_STORE_FILES]
    return sorted(inside, reverse=True)


def _walked_file(path: Path, status: os.stat_result) -> WalkedFile:
    return WalkedFile(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
