"""Kills processes of a running server, and counts the rows that are left."""

import random
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil
from tests.clients.depot import Depot

_SPARED_SECONDS = 1.2
"""A little more than the supervisor regards as an early exit."""

_COUNTS = {
    "assemblies": "uploads_assembly",
    "ok": "uploads_assembly WHERE state = 'ok'",
    "files": "uploads_file",
    "debug files": "debugfiles_debugfile",
    "chunks in no file": "uploads_chunk WHERE NOT EXISTS ("
    "SELECT 1 FROM uploads_filechunk WHERE chunk_id = uploads_chunk.id)",
    "files without chunks": "uploads_file WHERE NOT EXISTS ("
    "SELECT 1 FROM uploads_filechunk WHERE file_id = uploads_file.id)",
    "awaited chunks": "uploads_awaitedchunk",
}


class Killer:
    """Kills at most `most` processes with SIGKILL; `kills` counts them by kind.

    Processes that have just started are spared: a supervisor restarts a process that
    dies repeatedly more and more slowly.
    """

    def __init__(
        self,
        victims: Callable[[], dict[str, list[psutil.Process]]],
        most: int,
        pauses_seconds: tuple[float, float],
    ) -> None:
        self.kills: Counter[str] = Counter()
        self._victims = victims
        self._most = most
        self._pauses_seconds = pauses_seconds
        self._over = threading.Event()
        seed = secrets.randbits(32)
        self._dice = random.Random(seed)  # noqa: S311 -- to be thrown again
        print(f"victims and moments are chosen by the seed {seed}")  # noqa: T201 -- shown beside a failure

    @property
    def is_done(self) -> bool:
        """Whether the maximum is reached."""
        return self.kills.total() >= self._most

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Kill at random moments until the end of the block."""
        self._over.clear()
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _work(self) -> None:
        while not self._over.wait(self._dice.uniform(*self._pauses_seconds)):
            # The process may have ended meanwhile.
            with suppress(psutil.NoSuchProcess):
                self._kill_one()

    def _kill_one(self) -> None:
        born_before = time.time() - _SPARED_SECONDS
        grown_up = [
            (kind, process)
            for kind, processes in self._victims().items()
            for process in processes
            if process.create_time() < born_before
        ]
        if grown_up and not self.is_done:
            kind, victim = self._dice.choice(grown_up)
            victim.send_signal(signal.SIGKILL)
            self.kills[kind] += 1


def tally(depot: Depot) -> dict[str, object]:
    """Count the rows of uploads, and leftover rows."""
    return {
        what: depot.database.value(f"SELECT count(*) FROM {rows}")  # noqa: S608 -- our own words
        for what, rows in _COUNTS.items()
    }


def whole(files: int) -> dict[str, object]:
    """Return the expected tally for `files` complete uploads."""
    return {
        "assemblies": files,
        "ok": files,
        "files": files,
        "debug files": files,
        "chunks in no file": 0,
        "files without chunks": 0,
        "awaited chunks": 0,
    }


def comes_true(condition: Callable[[], bool], *, within_seconds: float) -> bool:
    """Wait until `condition` holds; return whether it did."""
    give_up_at = time.monotonic() + within_seconds
    while not (holds := condition()) and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return holds
