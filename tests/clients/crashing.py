"""Kills processes of a running server, and counts what is left of the work."""

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
"""A little more than what the supervisor calls soon."""

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
    """Kills so many processes at most; `kills` counts them by what they were.

    Nobody can prepare for `kill -9`. Whoever has only just been started is spared:
    what dies again and again is started again more and more slowly, as it should be.
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
        """Whether all are killed that were to be."""
        return self.kills.total() >= self._most

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Kill, at random moments, until the end of the block."""
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
            # Whom one looks at may be gone by then.
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
    """Count the rows that an upload leaves, and those that it should not leave."""
    return {
        what: depot.database.value(f"SELECT count(*) FROM {rows}")  # noqa: S608 -- our own words
        for what, rows in _COUNTS.items()
    }


def whole(files: int) -> dict[str, object]:
    """Return the tally of so many files when all is well."""
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
    """Wait until `condition` holds, and say whether it came to."""
    give_up_at = time.monotonic() + within_seconds
    while not (holds := condition()) and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return holds
