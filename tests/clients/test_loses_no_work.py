"""Every queued job is done, even if workers are killed while they work on it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from tests import environment
from tests.clients import builds, crashing, wire
from tests.clients.conftest import StartDepot
from tests.clients.crashing import Killer
from tests.clients.depot import Depot

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.both_databases,
]

JOBS, KILLS = (600, 10) if environment.IS_THOROUGH else (180, 4)
SENDERS = 4
DRAIN_SECONDS = 300


def test_no_job_is_lost_though_workers_are_killed(start_depot: StartDepot) -> None:
    depot = start_depot(lease=2, workers=3)
    killer = Killer(lambda: {"worker": depot.workers_at_work()}, KILLS, (0.1, 0.8))
    handed_in = 0

    with _writes_going_on(depot), killer.at_work():
        while handed_in < JOBS or not killer.is_done:
            _hand_in(depot, [builds.symbols() for _ in range(60)])
            handed_in += 60

    assert crashing.comes_true(
        lambda: crashing.tally(depot)["ok"] == handed_in,
        within_seconds=DRAIN_SECONDS,
    ), crashing.tally(depot)
    # What was written meanwhile, again and again, is one chunk that no file has.
    assert crashing.tally(depot) == {
        **crashing.whole(handed_in),
        "chunks in no file": 1,
    }


def _hand_in(depot: Depot, files: list[bytes]) -> None:
    """Offer files, then send each in a request of its own: each makes a job."""
    offered = {
        wire.sha1(content): wire.described(
            content, name="hello.sym", chunk_size=len(content)
        )
        for content in files
    }
    standings = depot.wire.assemble(offered)
    assert {standing["state"] for standing in standings.values()} == {"not_found"}
    with ThreadPoolExecutor(SENDERS) as senders:
        answers = list(senders.map(depot.wire.send, files))
    assert {answer.status for answer in answers} == {200}


@contextmanager
def _writes_going_on(depot: Depot) -> Iterator[None]:
    """Send one more chunk, over and over."""
    over = threading.Event()
    refused = []

    def write() -> None:
        while not over.wait(0.02):
            answer = depot.wire.send(b"written again and again")
            if answer.status != 200:
                refused.append(answer)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert refused == []
