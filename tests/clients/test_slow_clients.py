"""Clients that stall, vanish, or all come at once cost the others nothing."""

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median

import psutil
import pytest
from tests.clients import crashing, wire
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot
from tests.clients.wire import Multipart

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

MIB = 1 << 20
STALLED = 40
GETS = 100
FAST_SECONDS = 0.050
LARGE_POSTS = 16
EXTRA_MEMORY_BYTES = 64 * MIB
SETTLING_SECONDS = 20


def test_forty_stalled_uploads_do_not_delay_others(depot: Depot) -> None:
    with ExitStack() as stack:
        for _ in range(STALLED):
            stack.enter_context(_half_sent(depot, secrets.token_bytes(MIB)))
        assert crashing.comes_true(
            lambda: len(_incoming(depot)) == STALLED, within_seconds=SETTLING_SECONDS
        )

        seconds = [_seconds_of_a_get(depot) for _ in range(GETS)]

    assert median(seconds) < FAST_SECONDS
    assert crashing.comes_true(
        lambda: _incoming(depot) == [], within_seconds=SETTLING_SECONDS
    )


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_an_incomplete_chunk_is_not_stored(depot: Depot, says_goodbye: bool) -> None:  # noqa: FBT001 -- pytest hands it over by name
    content = secrets.token_bytes(3 * MIB)

    with _half_sent(depot, content) as line:
        assert crashing.comes_true(
            lambda: len(_incoming(depot)) == 1, within_seconds=SETTLING_SECONDS
        )
        if says_goodbye:
            line.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                assert b" 200 " not in line.recv(4096)[:20]

    assert crashing.comes_true(
        lambda: _incoming(depot) == [], within_seconds=SETTLING_SECONDS
    )
    assert _kept(depot, content) == []
    assert _missing(depot, content) == [wire.sha1(content)]
    assert depot.wire.send(content).status == 200
    assert _missing(depot, content) == []


def test_what_a_killed_process_received_is_removed_when_a_worker_starts(
    start_depot: StartDepot,
) -> None:
    depot = start_depot(workers=1)
    with _half_sent(depot, secrets.token_bytes(MIB)):
        assert crashing.comes_true(
            lambda: len(_incoming(depot)) == 1, within_seconds=SETTLING_SECONDS
        )
        for process in depot.web_processes():
            process.kill()
    left = _incoming(depot)
    assert crashing.comes_true(depot.answers, within_seconds=SETTLING_SECONDS)

    with _half_sent(depot, secrets.token_bytes(MIB)):
        assert crashing.comes_true(
            lambda: len(_incoming(depot)) == 2, within_seconds=SETTLING_SECONDS
        )
        with depot.one_more_worker():
            assert crashing.comes_true(
                lambda: len(_incoming(depot)) == 1, within_seconds=SETTLING_SECONDS
            )

            assert len(left) == 1
            assert _incoming(depot) != left


def test_concurrent_large_chunks_need_little_memory(
    start_depot: StartDepot,
) -> None:
    depot = start_depot()
    size_bytes = depot.wire.options()["chunkSize"]
    assert size_bytes == 32 * MIB
    filling = secrets.token_bytes(size_bytes - 8)
    for _ in range(4):
        # What a process needs but once is not counted.
        assert depot.wire.send(secrets.token_bytes(MIB)).status == 200
    before_bytes = _resident_bytes(depot)

    with _sampled(depot) as samples, ThreadPoolExecutor(LARGE_POSTS) as senders:
        statuses = list(
            senders.map(
                lambda n: depot.wire.send(n.to_bytes(8) + filling).status,
                range(LARGE_POSTS),
            )
        )

    assert statuses == [200] * LARGE_POSTS
    assert max(samples) - before_bytes <= EXTRA_MEMORY_BYTES


@contextmanager
def _half_sent(depot: Depot, content: bytes) -> Iterator[socket.socket]:
    """Lend a connection on which half of a chunk was sent; then hang up."""
    parts = Multipart.of([content])
    head = (
        f"POST {depot.wire.chunks_path} HTTP/1.1\r\n"
        f"Host: depot\r\nAuthorization: Bearer {depot.wire.token}\r\n"
        f"Content-Type: {parts.content_type}\r\n"
        f"Content-Length: {len(parts.content)}\r\n\r\n"
    )
    with socket.create_connection(depot.wire.address, timeout=30) as line:
        line.sendall(head.encode() + parts.content[: len(parts.content) // 2])
        yield line


def _seconds_of_a_get(depot: Depot) -> float:
    started = time.perf_counter()
    assert depot.wire.ask("GET", depot.wire.chunks_path).status == 200
    return time.perf_counter() - started


def _incoming(depot: Depot) -> list[Path]:
    return list(depot.blobs.glob("incoming/*"))


def _kept(depot: Depot, content: bytes) -> list[Path]:
    return list(depot.blobs.rglob(wire.sha1(content)))


def _missing(depot: Depot, content: bytes) -> list[str]:
    """Return what the server says it lacks of a file that is this one chunk."""
    checksum = wire.sha1(content)
    described = wire.described(content, name="half", chunk_size=len(content))
    missing: list[str] = depot.wire.assemble({checksum: described})[checksum][
        "missingChunks"
    ]
    return missing


def _resident_bytes(depot: Depot) -> int:
    return sum(p.memory_info().rss for p in depot.web_processes())


@contextmanager
def _sampled(depot: Depot) -> Iterator[list[int]]:
    """Look at the memory of the web processes until the end of the block."""
    samples: list[int] = []
    over = threading.Event()
    watched: list[psutil.Process] = depot.web_processes()

    def sample() -> None:
        while not over.wait(0.01):
            samples.append(sum(p.memory_info().rss for p in watched))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()
