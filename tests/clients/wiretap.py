"""A wire between client and server that remembers what went over it.

It carries bytes and understands none of them, so a connection that one side loses is
lost for the other, too.
"""

import http.client
import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

_BLOCK_BYTES = 64 * 1024


@dataclass(slots=True)
class Exchange:
    """One request and what came back; each connection carries one.

    Source: spec/sentry-cli A0, row "HTTP version / keep-alive".
    """

    request: bytearray = field(default_factory=bytearray)
    answer: bytearray = field(default_factory=bytearray)

    @property
    def path(self) -> str:
        """What was asked for."""
        return bytes(self.request).split(b" ", 2)[1].decode()

    def json(self) -> Any:
        """Return what was answered; None if no whole answer with 200 came back."""
        response = http.client.HTTPResponse(cast("socket.socket", _Heard(self.answer)))
        try:
            response.begin()
            content = response.read()
        except (http.client.HTTPException, ValueError):
            return None
        return json.loads(content) if response.status == 200 else None


@dataclass(frozen=True, slots=True)
class Wiretap:
    """Listens on a port of its own, for a server whose port is told later."""

    listening: socket.socket
    exchanges: list[Exchange] = field(default_factory=list)
    servers: list[tuple[str, int]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where clients should go."""
        host, port = self.listening.getsockname()
        return f"http://{host}:{port}"

    def lead_to(self, address: tuple[str, int]) -> None:
        """Connect it to a server."""
        self.servers[:] = [address]

    def to(self, end_of_path: str) -> list[Exchange]:
        """Return the exchanges about a path."""
        whole = [e for e in self.exchanges if e.request.count(b" ") > 1]
        return [e for e in whole if e.path.endswith(end_of_path)]


@contextmanager
def opened() -> Iterator[Wiretap]:
    """Lend a wire until the end of the block."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        tap = Wiretap(listening)
        thread = threading.Thread(target=_accept, args=[tap], daemon=True)
        thread.start()
        yield tap
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


class _Heard:
    """Lets an answer be read as if it came from a socket."""

    def __init__(self, content: bytes | bytearray) -> None:
        self._content = bytes(content)

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._content)


def _accept(tap: Wiretap) -> None:
    while True:
        try:
            client, _ = tap.listening.accept()
        except OSError:
            return
        threading.Thread(target=_carry, args=[tap, client], daemon=True).start()


def _carry(tap: Wiretap, client: socket.socket) -> None:
    exchange = Exchange()
    with client:
        try:
            server = socket.create_connection(tap.servers[0])
        except OSError:
            return
        tap.exchanges.append(exchange)
        with server:
            there = threading.Thread(
                target=_pump, args=[client, server, exchange.request], daemon=True
            )
            there.start()
            _pump(server, client, exchange.answer)
            # The client may go on to wait for more, which will not come.
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            there.join()


def _pump(source: socket.socket, sink: socket.socket, heard: bytearray) -> None:
    with suppress(OSError):
        while block := source.recv(_BLOCK_BYTES):
            heard += block
            sink.sendall(block)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
