"""What befalls servers: they are killed, cut off from their data, or stall."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
from psycopg.sql import SQL, Identifier
from tests import environment
from tests.clients.proxy import Passed
from tests.installations import RunningServer, eventually

_ALLOW = SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
_END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


class Trigger:
    """Does something once, when so many answers that matter are about to go out."""

    def __init__(
        self,
        count: int,
        matters: Callable[[Passed], bool],
        action: Callable[[], object],
    ) -> None:
        self._left = count
        self._matters = matters
        self._action = action
        self._turn = threading.Lock()

    def __call__(self, one: Passed) -> None:
        with self._turn:
            if self._left and one.status == 200 and self._matters(one):
                self._left -= 1
                if not self._left:
                    self._action()


def kill(server: RunningServer) -> None:
    """End all that a server is made of, as `kill -9` does."""
    everything = [server.supervisor, *server.supervisor.children(recursive=True)]
    for process in everything:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _, alive = psutil.wait_procs(everything, timeout=10)
    assert not alive


@contextmanager
def storage_away(blobs: Path) -> Iterator[None]:
    away = blobs.rename(blobs.with_name("away"))
    blobs.write_text("a file where a folder should be")
    try:
        yield
    finally:
        blobs.unlink()
        away.rename(blobs)


@contextmanager
def database_away(url: str) -> Iterator[None]:
    """Let nobody into Postgres, or nobody write to SQLite."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        with closing(
            sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        ) as line:
            line.execute("BEGIN IMMEDIATE")
            yield
        return
    name = urlsplit(url).path.removeprefix("/")
    with psycopg.connect(environment.database_url(), autocommit=True) as line:
        line.execute(_ALLOW.format(Identifier(name), SQL("false")))
        line.execute(_END_ALL, [name])
        try:
            yield
        finally:
            line.execute(_ALLOW.format(Identifier(name), SQL("true")))


@contextmanager
def stalled(server: RunningServer) -> Iterator[None]:
    """Stop whoever reads files for the workers, so that these wait."""
    readers = eventually(
        lambda: [reader for worker in server.workers() for reader in worker.children()]
    )
    assert readers
    for reader in readers:
        reader.suspend()
    try:
        yield
    finally:
        for reader in readers:
            reader.resume()
