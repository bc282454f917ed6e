"""Counts responses of all processes of this machine, for /metrics.

Each process adds to a page of its own, a mapped file that all can read. A new process
continues the page of a dead one, so no count ever decreases. That costs 0.5 µs a
response, where a miss takes some 80; prometheus-client's files take ten times as long.
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
"""Kinds of requests. The first seven are debuginfod's names: spec/serving 1.5."""

_STATUSES = (200, 206, 302, 304, 400, 401, 403, 404, 405, 406, 416, 429, 500, 503)
_OTHER_STATUS = 0
_OFFSETS = {
    key: 3 * n for n, key in enumerate(product(KINDS, (*_STATUSES, _OTHER_STATUS)))
}
_EMPTY = bytes(8 * 3 * len(_OFFSETS))
# Pages of another version may have other offsets.
_VERSION = hashlib.sha256(repr(list(_OFFSETS)).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class RequestCount:
    """The responses of one kind and status; status 0 is any that is not listed."""

    kind: str
    status: int
    responses: int
    size_bytes: int
    seconds: float


class MetricsPage:
    """The counts of one process, which owns the page until it ends."""

    def __init__(self, folder: Path) -> None:
        self._lock = Lock()
        self._cells = memoryview(_map_page(folder)).cast("d")

    def add(self, offset: int, size_bytes: int, seconds: float) -> None:
        """Add one response."""
        cells = self._cells
        with self._lock:
            cells[offset] += 1
            cells[offset + 1] += size_bytes
            cells[offset + 2] += seconds


@cache
def page() -> MetricsPage:
    """Return the page of this process."""
    return MetricsPage(settings.COUNTS_DIR)


os.register_at_fork(after_in_child=page.cache_clear)


def count_response(kind: str, status: int, size_bytes: int, seconds: float) -> None:
    """Count a response of one of `KINDS`; a kind that is not listed is `other`."""
    offset = _OFFSETS.get((kind, status))
    if offset is None:
        offset = _OFFSETS[kind if kind in KINDS else "other", _OTHER_STATUS]
    page().add(offset, size_bytes, seconds)


def all_counts() -> Iterator[RequestCount]:
    """Yield the counts of all processes that are not zero."""
    total = array("d", _EMPTY)
    for path in Path(settings.COUNTS_DIR).glob(f"{_VERSION}-*"):
        for n, cell in enumerate(array("d", path.read_bytes()[: len(_EMPTY)])):
            total[n] += cell
    for (kind, status), offset in _OFFSETS.items():
        responses, size_bytes, seconds = total[offset : offset + 3]
        if responses:
            yield RequestCount(kind, status, int(responses), int(size_bytes), seconds)


def _map_page(folder: Path) -> mmap.mmap:
    """Map a file of `folder`; without disk space, memory of this process alone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return next(
            mapped
            for number in count()
            if (mapped := _lock_and_map(folder / f"{_VERSION}-{number}")) is not None
        )
    except OSError:
        return mmap.mmap(-1, len(_EMPTY))


def _lock_and_map(path: Path) -> mmap.mmap | None:
    """Lock a page until this process ends; None if another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    # Writing to mapped memory kills the process if the disk is full.
    os.posix_fallocate(descriptor, 0, len(_EMPTY))
    return mmap.mmap(descriptor, len(_EMPTY))
