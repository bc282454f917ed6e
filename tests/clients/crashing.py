"""Kills processes of a running server, with the signal that nobody can prepare for."""

import random
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
from tests.clients.depot import Depot

_NEW_FILES = (
    "SELECT (SELECT count(*) FROM uploads_file), "
    "(SELECT count(*) FROM debugfiles_debugfile), "
    "(SELECT count(DISTINCT file_id) FROM uploads_filechunk), "
    "(SELECT count(*) FROM uploads_awaitedchunk)"
)


class Killer:
    """Picks victims and moments at random; `kills` counts them by what they were."""

    def __init__(
        self, depot: Depot, pauses: tuple[float, float], *, web: bool = True
    ) -> None:
        self.kills: Counter[str] = Counter()
        self.seed = secrets.randbits(32)
        self._depot = depot
        self._pauses = pauses
        self._web = web
        self._dice = random.Random(self.seed)  # noqa: S311 -- to be thrown again
        self._over = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Kill, again and again, until the end of the block."""
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _work(self) -> None:
        while not self._over.wait(self._dice.uniform(*self._pauses)):
            kinds = {"worker": self._depot.workers()}
            if self._web:
                kinds["web"] = self._depot.web_processes()
                kinds["listening"] = self._depot.listening()
            # Workers and web processes come in pairs, the listening one is alone.
            everybody = [(kind, one) for kind, some in kinds.items() for one in some]
            if everybody:
                self._kill(*self._dice.choice(everybody))

    def _kill(self, kind: str, victim: psutil.Process) -> None:
        with suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGKILL)
            self.kills[kind] += 1


def left_over(depot: Depot) -> dict[str, object]:
    """Return what should not be: states at rest, and rows that belong to nothing."""
    files, debug_files, with_chunks, awaited = depot.database.rows(_NEW_FILES)[0]
    states = dict(
        depot.database.rows("SELECT state, count(*) FROM uploads_assembly GROUP BY 1")
    )
    return {}


def until(condition: object, seconds: float) -> bool:
    """Wait."""
    time.sleep(seconds)
    return bool(condition)
