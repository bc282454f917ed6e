"""Whatever is killed, whenever: what was said to be there is there, and all gets done."""

import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from tests.clients import builds, sentry_cli, wire, wiretap
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot
from tests.clients.sentry_cli import Ended, SentryCli
from tests.clients.wiretap import Wiretap

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(240),
]

FILES = 60
KILLS = 20
MOST_RUNS = 60
FAULTS = Path(__file__).parent / "faults"
RECOVERY_SECONDS = 60


@pytest.fixture
def tap() -> Iterator[Wiretap]:
    with wiretap.opened() as opened:
        yield opened


def test_an_upload_through_twenty_crashes_is_whole_in_the_end(
    start_depot: StartDepot, newest: SentryCli, tap: Wiretap, tmp_path: Path
) -> None:
    depot = start_depot(
        public_url=tap.url, lease=2, chunk_size=4096, chunks_per_request=8
    )
    tap.lead_to(depot.wire.address)
    paths = _programs(tmp_path)
    seed = random.SystemRandom().getrandbits(32)
    killer = _Killer(depot, seed)
    print(f"moments and victims are chosen by seed {seed}")  # noqa: T201 -- to do it again

    runs = []
    with killer.at_work():
        while killer.kills < KILLS and len(runs) < MOST_RUNS:
            runs.append(depot.client(newest).upload("--wait", tmp_path))
    while runs[-1].exit_code != 0 and len(runs) < MOST_RUNS:
        runs.append(depot.client(newest).upload("--wait", tmp_path))

    assert (killer.kills >= KILLS, runs[-1].exit_code) == (True, 0), _told(runs)
    assert _unlike(depot, paths) == []
    assert _said_to_be_ok(tap) <= {row["sha1"] for row in _all_files(depot)}
    _nothing_is_left_over(depot)
