"""Counts misses in memory, and writes the counts to the database now and then."""

import atexit
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import util

import structlog
from django.conf import settings
from django.db import Error, connections

_MAX_MISSES = 10_000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Miss:
    """The ids of a query without a result; an id that was not given is empty."""

    project_id: int
    debug_id: str
    code_id: str


@dataclass(frozen=True, slots=True)
class MissCount:
    """The number of queries, when the first and last came, and from whom the last.

    `newest_row_id`: debug files up to this row had the ids, and could not serve.
    """

    count: int
    first_at: datetime
    last_at: datetime
    by: str
    name: str
    newest_row_id: int = 0

    def followed_by(self, later: "MissCount") -> "MissCount":
        """Return the sum of both."""
        return MissCount(
            self.count + later.count,
            min(self.first_at, later.first_at),
            max(self.last_at, later.last_at),
            later.by,
            later.name or self.name,
            max(self.newest_row_id, later.newest_row_id),
        )


class MissCounter:
    """Sums up misses; a thread writes them every `settings.WANTED_WRITE_SECONDS`.

    So a query does not wait for a write, and a thousand misses a second cost one write
    a second. 0 writes at once. A process that is killed loses its counts since the last
    write. A forked child starts with none.
    """

    def __init__(self, write: Callable[[Mapping[Miss, MissCount]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._counts: dict[Miss, MissCount] = {}
        self._writer: threading.Thread | None = None
        os.register_at_fork(after_in_child=self._reset)

    def add(self, miss: Miss, count: MissCount) -> None:
        """Add to the count; never fails. Misses beyond 10,000 ids are dropped."""
        with self._lock:
            self._add(miss, count)
            if settings.WANTED_WRITE_SECONDS:
                self._ensure_writer()
        if not settings.WANTED_WRITE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the counts; if that fails, keep them for the next time."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return
        try:
            self._write(counts)
        except Error as error:
            _log.warning("misses.write_failed", error=str(error).strip())
            self._put_back(counts)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._counts = {}
        self._writer = None

    def _add(self, miss: Miss, count: MissCount) -> None:
        known = self._counts.get(miss)
        if known is not None:
            self._counts[miss] = known.followed_by(count)
        elif len(self._counts) < _MAX_MISSES:
            self._counts[miss] = count

    def _put_back(self, counts: Mapping[Miss, MissCount]) -> None:
        with self._lock:
            newer, self._counts = self._counts, dict(counts)
            for miss, count in newer.items():
                self._add(miss, count)

    def _ensure_writer(self) -> None:
        if self._writer is not None and self._writer.is_alive():
            return
        if self._writer is None:
            # A child of multiprocessing may end without running `atexit`.
            atexit.register(self._flush_and_close)
            util.Finalize(None, self._flush_and_close, exitpriority=0)
        writer = threading.Thread(target=self._run, name="miss-counter", daemon=True)
        with suppress(RuntimeError):  # no thread left: the next miss tries again
            writer.start()
            self._writer = writer

    def _run(self) -> None:
        while pause_seconds := settings.WANTED_WRITE_SECONDS:
            time.sleep(pause_seconds)
            self._flush_and_close()

    def _flush_and_close(self) -> None:
        try:
            self.flush()
        finally:
            connections.close_all()
