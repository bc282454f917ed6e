"""The memory of web processes does not grow with the number of requests."""

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest
from tests import environment
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot
from tests.clients.wire import Multipart, Wire

SOAK_SECONDS = 30 * 60 if environment.IS_THOROUGH else 0
"""How long requests are sent, at least."""
MIN_REQUESTS = 1200
BATCH = 40
CLIENTS = 4
CHUNK_BYTES = 512 * 1024
KEPT_BYTES = 16 * 1024
"""Of a chunk that is stored: half an hour must not fill the disk."""
MAX_BYTES = 150_000_000

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(SOAK_SECONDS + 240),
]

type Send = Callable[[Wire], int]


def chunk(wire: Wire) -> int:
    return wire.send(secrets.token_bytes(KEPT_BYTES)).status


def wrong_chunk(wire: Wire) -> int:
    """Send a chunk that has not the checksum it is called by."""
    form = Multipart.of([secrets.token_bytes(CHUNK_BYTES)])
    content = form.content[:-200] + bytes(100) + form.content[-100:]
    kind = [("Content-Type", form.content_type)]
    return wire.ask("POST", wire.chunks_path, content, headers=kind).status


def cut_chunk(wire: Wire) -> int:
    """Send half of a form."""
    form = Multipart.of([secrets.token_bytes(CHUNK_BYTES)])
    content = form.content[: CHUNK_BYTES // 2]
    kind = [("Content-Type", form.content_type)]
    return wire.ask("POST", wire.chunks_path, content, headers=kind).status


def frames(wire: Wire) -> int:
    content = b'{"stacktraces": [], "modules": []}'
    kind = [("Content-Type", "application/json")]
    return wire.ask("POST", "/symbolicate", content, headers=kind).status


STATUSES: dict[Send, int] = {chunk: 200, wrong_chunk: 400, cut_chunk: 400, frames: 200}


def test_memory_reaches_a_plateau(start_depot: StartDepot) -> None:
    depot = start_depot(web_workers=1, symbolications_per_minute=0)

    peak_bytes = max(memory_while_sending(depot))

    assert peak_bytes < MAX_BYTES


def memory_while_sending(depot: Depot) -> Iterator[int]:
    """Send requests of all kinds; yield the resident bytes of the web process."""
    kinds = cycle(STATUSES)
    ends_at = time.monotonic() + SOAK_SECONDS
    sent = 0
    with ThreadPoolExecutor(CLIENTS) as clients:
        while sent < MIN_REQUESTS or time.monotonic() < ends_at:
            sends = [next(kinds) for _ in range(BATCH)]
            statuses = list(clients.map(lambda send: send(depot.wire), sends))
            assert statuses == [STATUSES[send] for send in sends]
            sent += BATCH
            yield sum(one.memory_info().rss for one in depot.web_processes())
