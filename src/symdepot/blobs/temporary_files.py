"""Temporary files that are locked as long as their process uses them.

The lock (`flock`) ends with the process, however it ends: a file that another process can
lock is abandoned. The name of a file contains the boot id of its machine, since another
machine that shares the folder may not see the lock.
"""

import fcntl
import os
import time
from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from secrets import token_hex

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""The same in all containers of a machine, until it restarts. Source: random(4)."""
_BOOT_ID_LENGTH = 8


def create(folder: Path, *, prefix: str, mode: int = 0o666) -> tuple[Path, int]:
    """Create a file in `folder`, which must exist. Return its path and descriptor.

    `prefix` of its name ends with a hyphen.

    The descriptor is open for reading and writing, and has the lock. Remove the file,
    then close the descriptor; copies of it in other processes would keep the lock.

    Raises:
        OSError: the disk failed.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    while True:
        path = folder / f"{prefix}{_boot_id()}-{token_hex(8)}"
        descriptor = os.open(path, flags, mode)
        # Not locked: another process has taken it for abandoned, and removes it.
        if _lock(descriptor, without_locks=True) and os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)


def remove_abandoned(folder: Path, older_than: timedelta, *, prefix: str = "") -> int:
    """Remove abandoned files of `folder` and folders in it; return how many.

    Only those whose names begin with `prefix`.

    They are those of this machine whose process is gone, and all that were last written
    `older_than` ago and are not locked.

    Raises:
        OSError: the disk failed.
    """
    written_before = time.time() - older_than.total_seconds()
    removed = 0
    for parent, _, names in folder.walk(on_error=_raise_unless_missing):
        for name in filter(lambda name: name.startswith(prefix), names):
            # Its process may remove it meanwhile.
            with suppress(FileNotFoundError):
                removed += _remove_if_abandoned(parent / name, written_before)
    return removed


def _remove_if_abandoned(path: Path, written_before: float) -> bool:
    is_old = path.lstat().st_mtime < written_before
    if not is_old and f"-{_boot_id()}-" not in path.name:
        return False
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:  # a link, or not ours to open
        if is_old:
            path.unlink()
        return is_old
    try:
        is_free = _lock(descriptor, without_locks=is_old)
        if is_free:
            path.unlink()
        return is_free
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, without_locks: bool) -> bool:
    """Lock a file without waiting; return whether it succeeded.

    `without_locks`: what to return on a disk that has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return without_locks
    return True


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@cache
def _boot_id() -> str:
    return _BOOT_ID.read_text()[:_BOOT_ID_LENGTH]
