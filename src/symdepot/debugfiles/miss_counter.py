"""Counts misses in memory, and writes them down once in a while."""

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

_MOST_GATHERED = 10_000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Miss:
    """The ids of one question that nothing answered; empty where none was given."""

    project_id: int
    debug_id: str
    code_id: str


@dataclass(frozen=True, slots=True)
class MissCount:
    """How often it was asked, when first and last, and by whom and how at last.

    Debug files up to the row id `useless` were here then, and of no use.
    """

    count: int
    first_at: datetime
    last_at: datetime
    by: str
    name: str
    useless: int = 0

    def followed_by(self, later: "MissCount") -> "MissCount":
        """Return both together."""
        return MissCount(
            self.count + later.count,
            min(self.first_at, later.first_at),
            max(self.last_at, later.last_at),
            later.by,
            later.name or self.name,
            max(self.useless, later.useless),
        )


class MissCounter:
    """Gathers misses; a thread of its own writes them down every so often.

    So a miss costs whoever asks no write, and one that is asked for thousands of times
    a second costs a write a second. `settings.WANTED_WRITE_SECONDS` says how often; 0
    is at once. A process that is killed loses what it has gathered since; one that
    ends in order does not. A child that is forked begins with nothing.
    """

    def __init__(self, write: Callable[[Mapping[Miss, MissCount]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._gathered: dict[Miss, MissCount] = {}
        self._writer: threading.Thread | None = None
        os.register_at_fork(after_in_child=self._begin_anew)

    def add(self, miss: Miss, asking: MissCount) -> None:
        """Count one more. Never fails, and never waits for the database unless told so.

        What there is no room for is left out: this is a hint, not a ledger.
        """
        with self._lock:
            self._gather(miss, asking)
            if settings.WANTED_WRITE_SECONDS:
                self._see_to_a_writer()
        if not settings.WANTED_WRITE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write down what is gathered; if that fails, keep it for the next time."""
        with self._lock:
            taken, self._gathered = self._gathered, {}
        if not taken:
            return
        try:
            self._write(taken)
        except Error as error:
            _log.warning("misses not written down", error=str(error).strip())
            self._put_back(taken)

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._gathered = {}
        self._writer = None

    def _gather(self, miss: Miss, asking: MissCount) -> None:
        known = self._gathered.get(miss)
        if known is not None:
            self._gathered[miss] = known.followed_by(asking)
        elif len(self._gathered) < _MOST_GATHERED:
            self._gathered[miss] = asking

    def _put_back(self, taken: Mapping[Miss, MissCount]) -> None:
        with self._lock:
            since, self._gathered = self._gathered, dict(taken)
            for miss, asking in since.items():
                self._gather(miss, asking)

    def _see_to_a_writer(self) -> None:
        if self._writer is not None and self._writer.is_alive():
            return
        if self._writer is None:
            # The end of a child of multiprocessing is not always one for `atexit`.
            atexit.register(self._flush_and_close)
            util.Finalize(None, self._flush_and_close, exitpriority=0)
        writer = threading.Thread(target=self._run, name="tally", daemon=True)
        with suppress(RuntimeError):  # no thread to be had: the next miss tries again
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
