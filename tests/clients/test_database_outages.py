"""Postgres goes away while the server runs: each answer comes within a second."""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests import environment
from tests.clients import crashing, databases
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot

from symdepot.server.postgres.base import WatchedConnection

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.both_databases]

OUTAGE_SECONDS = 4.0
LONGEST_SECONDS = 1.0
BACK_SECONDS = 3.0
CLIENTS = 16


class Line:
    """Forwards connections to Postgres, refuses them, or is silent.

    `silent` is a host that is switched off: what was sent is taken, nothing comes back.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.port = environment.free_port()
        self._writers: set[asyncio.StreamWriter] = set()

    def run(self) -> None:
        self._loop.run_until_complete(self._listen())
        self._flows.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    def become(self, state: str) -> None:
        asyncio.run_coroutine_threadsafe(self._become(state), self._loop).result(10)

    def stop(self) -> None:
        self.become("refused")
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _end(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _become(self, state: str) -> None:
        if state == "refused":
            assert self._server is not None
            self._server.close()
            self._server = None
            for writer in list(self._writers):
                writer.transport.abort()
        elif self._server is None:
            await self._listen()
        if state == "silent":
            self._flows.clear()
        else:
            self._flows.set()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", self.port)

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await self._flows.wait()
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, far_writer}
        await asyncio.gather(
            self._pump(reader, far_writer), self._pump(far_reader, writer)
        )
        self._writers -= {writer, far_writer}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@contextmanager
def a_line_to(url: str) -> Iterator[tuple[Line, str]]:
    """Lend a line, and the URL of the database at its other end."""
    parts = urlsplit(url)
    line = Line(parts.hostname or "127.0.0.1", parts.port or 5432)
    thread = threading.Thread(target=line.run, daemon=True)
    thread.start()
    user = f"{parts.username}@" if parts.username else ""
    place = parts._replace(netloc=f"{user}127.0.0.1:{line.port}")
    try:
        yield line, place.geturl()
    finally:
        line.stop()
        thread.join(10)


EXPECTED = {
    "/health/live": (200, 200),
    "/health/ready": (200, 503),
    "/metrics": (200, 200),
    "/api/0/projects/default/default/files/dsyms/": (200, 503),
    f"/buildid/{'ab' * 20}/debuginfo": (404, 503),
}
"""Statuses with the database, and without."""


def timed(depot: Depot, path: str) -> tuple[int, float]:
    """Return the status of a GET, with a token where it is needed, and its seconds."""
    needs_token = path.startswith("/api/0/")
    headers = {"Authorization": f"Bearer {depot.wire.token}"} if needs_token else {}
    started_at = time.monotonic()
    with closing(HTTPConnection(*depot.wire.address, timeout=30)) as line:
        line.request("GET", path, headers=headers)
        answer = line.getresponse()
        answer.read()
    return answer.status, time.monotonic() - started_at


def test_answers_within_a_second_without_postgres_and_recovers(
    start_depot: StartDepot, tmp_path: Path
) -> None:
    if not environment.database_url().startswith("postgres"):
        pytest.skip("this is about Postgres")
    with databases.fresh(tmp_path) as database, a_line_to(database.url) as (line, url):
        depot = start_depot(database_url=url)
        assert {p: timed(depot, p)[0] for p in EXPECTED} == {
            path: status for path, (status, _) in EXPECTED.items()
        }
        for state in ("silent", "refused", "silent"):
            line.become(state)
            answers = ask_for(depot, OUTAGE_SECONDS)
            slowest = {p: max(s for _, s in found) for p, found in answers.items()}
            assert max(slowest.values()) < LONGEST_SECONDS, (state, slowest)
            assert {p: {s for s, _ in found} for p, found in answers.items()} == {
                path: {status} for path, (_, status) in EXPECTED.items()
            }

            line.become("forwarding")
            assert crashing.comes_true(
                lambda: all(
                    timed(depot, path)[0] == status
                    for path, (status, _) in EXPECTED.items()
                    for _ in range(4)
                ),
                within_seconds=BACK_SECONDS,
            ), state


def test_a_restart_of_postgres_costs_each_process_one_request(
    start_depot: StartDepot, tmp_path: Path
) -> None:
    if not environment.database_url().startswith("postgres"):
        pytest.skip("this is about Postgres")
    path = "/api/0/projects/default/default/files/dsyms/"
    with databases.fresh(tmp_path) as database, a_line_to(database.url) as (line, url):
        depot = start_depot(database_url=url)
        ask_for(depot, 1.0)  # from many clients, so that the pools are full
        line.become("refused")
        line.become("forwarding")

        statuses = [timed(depot, path)[0] for _ in range(60)]

    assert set(statuses[-20:]) == {200}
    assert statuses.count(503) <= len(depot.web_processes())


def ask_for(depot: Depot, seconds: float) -> dict[str, list[tuple[int, float]]]:
    """Send requests from several clients at once; return statuses and times by path."""
    until, answers = time.monotonic() + seconds, defaultdict(list)

    def ask(_: int) -> None:
        while time.monotonic() < until:
            for path in EXPECTED:
                answers[path].append(timed(depot, path))
            time.sleep(0.02)

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(ask, range(CLIENTS)))
    return answers


def test_a_slow_query_is_not_taken_for_an_outage() -> None:
    url = environment.database_url()
    if not url.startswith("postgres"):
        pytest.skip("this is about Postgres")
    with WatchedConnection.connect(url, autocommit=True) as connection:
        slept = connection.execute("SELECT 1 FROM pg_sleep(1.2)").fetchall()

    assert slept == [(1,)]
