"""Counts answers, for all processes of this machine that answer.

Each process adds to a page of its own that all can read, and a new process goes on with
the page that a dead one has left; so no count ever goes back. That costs half a
microsecond an answer, where a miss costs some 80; prometheus-client's files for many
processes take ten times as long.
"""

import fcntl
import hashlib
import mmap
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count, product
from pathlib import Path
from threading import Lock

from django.conf import settings

KINDS = (
    "debuginfo",
    "executable",
    "source",
    "section",
    "metadata",
    "metrics",
    "/",
    "symstore",
    "breakpad",
    "other",
)
"""What is asked for. The first seven are debuginfod's words: spec/serving 1.5."""

_STATUSES = (200, 206, 302, 304, 400, 401, 403, 404, 405, 406, 416, 429, 500, 503)
_ANY_OTHER = 0
_PLACES = {
    key: 3 * place for place, key in enumerate(product(KINDS, (*_STATUSES, _ANY_OTHER)))
}
_EMPTY = bytes(8 * 3 * len(_PLACES))
# Pages of another version may have another order.
_VERSION = hashlib.sha256(repr(list(_PLACES)).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class RequestCount:
    """Answers of one kind and status; the status 0 is any that is not listed."""

    kind: str
    status: int
    answers: int
    size_bytes: int
    seconds: float


class MetricsPage:
    """What one process has counted. It is this process's own until that ends."""

    def __init__(self, folder: Path) -> None:
        self._lock = Lock()
        self._cells = memoryview(_shared(folder)).cast("d")

    def add(self, place: int, size_bytes: int, seconds: float) -> None:
        """Add one answer."""
        cells = self._cells
        with self._lock:
            cells[place] += 1
            cells[place + 1] += size_bytes
            cells[place + 2] += seconds


@cache
def page() -> MetricsPage:
    """Return the page of this process."""
    return MetricsPage(settings.COUNTS_DIR)


os.register_at_fork(after_in_child=page.cache_clear)


def count_response(kind: str, status: int, size_bytes: int, seconds: float) -> None:
    """Note an answer: of one of `KINDS`, so many bytes, after so many seconds."""
    place = _PLACES.get((kind, status))
    if place is None:
        place = _PLACES[kind if kind in KINDS else "other", _ANY_OTHER]
    page().add(place, size_bytes, seconds)


def all_counts() -> Iterator[RequestCount]:
    """Return what all processes have counted so far, where there is anything."""
    total = array("d", _EMPTY)
    for path in Path(settings.COUNTS_DIR).glob(f"{_VERSION}-*"):
        for place, cell in enumerate(array("d", path.read_bytes()[: len(_EMPTY)])):
            total[place] += cell
    for (kind, status), place in _PLACES.items():
        answers, size_bytes, seconds = total[place : place + 3]
        if answers:
            yield RequestCount(kind, status, int(answers), int(size_bytes), seconds)


def _shared(folder: Path) -> mmap.mmap:
    """Return memory that is a file of `folder`; a disk that is full must not matter."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return next(
            shared
            for number in count()
            if (shared := _own(folder / f"{_VERSION}-{number}")) is not None
        )
    except OSError:
        return mmap.mmap(-1, len(_EMPTY))


def _own(path: Path) -> mmap.mmap | None:
    """Take hold of a page until this process ends; None if another one has."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    # What is written to memory for which the disk has no room ends the process.
    os.posix_fallocate(descriptor, 0, len(_EMPTY))
    return mmap.mmap(descriptor, len(_EMPTY))
