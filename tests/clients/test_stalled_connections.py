"""A thousand connections on which nothing comes do not stop the server."""

import http.client
import resource
import secrets
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from statistics import quantiles
from uuid import uuid4

import psutil
import pytest
from tests.clients import crashing
from tests.clients import depot as depots
from tests.clients.depot import Depot
from tests.fixtures import builders

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

MIB = 1 << 20
CONNECTIONS = 1000
ADDRESSES = 8
GETS = 200
HEALTH_P99_SECONDS = 0.100
DOWNLOADS = 140
"""More than the server has threads."""
SETTLING_SECONDS = 2
"""In which the server fills the buffers of all connections."""
CLOSED_WITHIN_SECONDS = 75
SLOW_SECONDS = 50
"""Longer than stalled bodies last, by more than what the buffers of a connection hold."""
REQUEST = (
    "POST /symbolicate HTTP/1.1\r\nHost: depot\r\n"
    "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
)
STALLED = {
    "no request": "",
    "half a head": REQUEST[:40],
    "no body": REQUEST,
    "half a body": REQUEST + "{" * 500,
    "chunks": REQUEST.replace("Content-Length: 1000", "Transfer-Encoding: chunked"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Depot]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with depots.running({}, None) as depot:
        yield depot
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_stalled_requests_delay_nobody_and_are_closed(server: Depot) -> None:
    usual = usual_p99(server)
    content = builders.breakpad(uuid4(), body=secrets.token_hex(6 * MIB))
    with (
        ThreadPoolExecutor(1) as pool,
        stalled_connections(server, list(STALLED.values())) as connections,
    ):
        seconds = [seconds_of_health(server) for _ in range(GETS)]
        uploaded = server.wire.upload(content, "a.sym")
        downloaded = pool.submit(slow_download, server, uploaded["dif"]["id"])
        answer = server.wire.ask(
            "POST",
            "/symbolicate",
            b'{"stacktraces": [], "modules": []}',
            headers=[("Content-Type", "application/json")],
        )

        assert p99(seconds) <= max(HEALTH_P99_SECONDS, 3 * usual)
        assert (uploaded["state"], answer.status) == ("ok", 200)
        assert crashing.comes_true(
            lambda: not any(map(is_open, connections)),
            within_seconds=CLOSED_WITHIN_SECONDS,
        )
        assert downloaded.result() == content


def test_bodies_that_drip_occupy_few_threads(server: Depot) -> None:
    usual = usual_p99(server)
    with stalled_connections(server, [REQUEST], count=300) as connections:
        seconds: list[float] = []
        for _ in range(3):
            for connection in connections:
                with suppress(OSError):
                    connection.send(b"{")
            seconds += [seconds_of_health(server) for _ in range(GETS)]

        assert p99(seconds) <= max(HEALTH_P99_SECONDS, 3 * usual)
        assert server.wire.send(secrets.token_bytes(MIB)).status == 200


def test_downloads_that_are_not_read_leave_threads_for_others(server: Depot) -> None:
    usual = usual_p99(server)
    content = builders.breakpad(uuid4(), body=secrets.token_hex(8 * MIB))
    uploaded = server.wire.upload(content, "large.sym")
    row_id = uploaded["dif"]["id"]
    assert server.wire.download(row_id) == content
    get = (
        f"GET {server.wire.files_path}/dsyms/?id={row_id} HTTP/1.1\r\nHost: depot\r\n"
        f"Authorization: Bearer {server.wire.token}\r\n\r\n"
    )
    with stalled_connections(server, [get], count=DOWNLOADS):
        time.sleep(SETTLING_SECONDS)
        seconds = [seconds_of_health(server) for _ in range(GETS)]
        before = established(server)

        assert p99(seconds) <= max(HEALTH_P99_SECONDS, 3 * usual)
        assert before > DOWNLOADS // 2
        assert crashing.comes_true(
            lambda: established(server) == 0, within_seconds=CLOSED_WITHIN_SECONDS
        )
    assert server.wire.download(row_id) == content


@contextmanager
def stalled_connections(
    depot: Depot, requests: list[str], *, count: int = CONNECTIONS
) -> Iterator[list[socket.socket]]:
    """Open connections from several addresses, and send no more than `requests`."""
    with ExitStack() as stack:
        connections = []
        for n in range(count):
            connection = socket.socket()
            stack.callback(connection.close)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.bind((f"127.0.0.{n % ADDRESSES + 2}", 0))
            connection.connect(depot.wire.address)
            connection.sendall(requests[n % len(requests)].encode())
            connections.append(connection)
        yield connections


def slow_download(depot: Depot, row_id: object) -> bytes:
    """Read a file evenly for `SLOW_SECONDS`, from an address with stalled connections."""
    connection = http.client.HTTPConnection(
        *depot.wire.address, source_address=("127.0.0.2", 0), timeout=SLOW_SECONDS
    )
    connection.request(
        "GET",
        f"{depot.wire.files_path}/dsyms/?id={row_id}",
        headers={"Authorization": f"Bearer {depot.wire.token}"},
    )
    response = connection.getresponse()
    blocks = []
    while block := response.read(MIB // 16):
        blocks.append(block)
        time.sleep(SLOW_SECONDS * len(block) / (12 * MIB))
    connection.close()
    return b"".join(blocks)


def p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100)[98]


def usual_p99(depot: Depot) -> float:
    """Return how long health takes without stalled connections; much on a busy machine."""
    return p99([seconds_of_health(depot) for _ in range(GETS)])


def seconds_of_health(depot: Depot) -> float:
    started = time.perf_counter()
    assert depot.wire.ask("GET", "/health/live").status == 200
    return time.perf_counter() - started


def is_open(connection: socket.socket) -> bool:
    """Read what there is; return whether the server may still send more."""
    connection.settimeout(0)
    try:
        while connection.recv(65_536):
            pass
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    return False


def established(depot: Depot) -> int:
    """Return how many connections from the stalled addresses the server has."""
    port = depot.wire.address[1]
    found = psutil.net_connections("tcp4")
    return sum(
        (one.laddr.port, one.status) == (port, psutil.CONN_ESTABLISHED)
        and one.raddr.ip != "127.0.0.1"
        for one in found
        if one.laddr and one.raddr
    )
