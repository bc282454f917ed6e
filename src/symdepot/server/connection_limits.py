"""Limits what slow clients can occupy, so that fast ones are always answered.

Each request takes a thread of its web process until it is answered, and granian waits for a
body without a deadline. So some hundred clients that announce a body and send none would
stop the server. Therefore:

- Of its threads, three quarters may read bodies; for callers without a token a quarter, of
  which one address gets half. Seven eighths may read bodies or stream responses. Other
  requests of these kinds are answered with 503 at once. So the last eighth always serves
  health checks, lookups and small responses.
- A body has to come: if a block of it takes longer than `_BLOCK_SECONDS`, the request is
  answered with 408 and its connection is shut down.
- A client that reads nothing of a response loses the connection after about as long, by
  Linux's `TCP_USER_TIMEOUT`; one that sends no request after `HEAD_SECONDS`, by granian.

WSGI does not name the connection of a request. It is found among the connections that this
process has accepted from its address: it is the one on which Linux counted as many bytes as a
408 has since just before that response. Downloads send more; `100 Continue` is shorter.

Source: Linux, tcp(7) and `struct tcp_info`; granian 2.8, `WSGIBody.read`.
"""

import io
import os
import resource
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, override
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from django.http import StreamingHttpResponse
from granian.server import mp as granian_server

from symdepot.domain.errors import Busy
from symdepot.protocols import auth

MAX_CONNECTIONS = 4096
"""Of each web process. Waiting for a request, one takes a file descriptor and some KiB."""
HEAD_SECONDS = 15
"""For the head of a request, and between two requests."""
_BLOCK_BYTES = 256 * 1024
_BLOCK_SECONDS = 30.0
"""For a block of a body: a line of 70 kbit/s is fast enough."""
_SWEEP_SECONDS = 1.0
_START_SECONDS = 0.05
_SEND_SECONDS = 0.05
"""After which a small response has been sent."""
_TCP_INFO_BYTES = 208
_PROTOCOL = "granian.protocol"
_WITHOUT_BODY = {"GET", "HEAD"}
"""Methods of which no endpoint reads a body, so the body needs no limits."""
_OTHER_FILES = 1024
_NO_THREAD = b"Too many downloads at once. Try again in a moment.\n"
_NO_THREAD_HEADERS = [
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Length", str(len(_NO_THREAD))),
    ("Retry-After", "1"),
    ("X-Content-Type-Options", "nosniff"),
]
_TIMED_OUT = b"The body of the request did not come in time.\n"
_TIMED_OUT_BYTES = range(len(_TIMED_OUT) + 140, len(_TIMED_OUT) + 190)
"""Of the whole response; granian's status line and headers have 166."""

type _SentBytes = dict[tuple[Any, ...], int]
"""How many bytes were sent to each peer, which is an address and a port."""

_log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class _Read:
    """A read of a body that has not returned.

    `sent_before`: what was sent before the read was answered with 408, if it was.
    """

    environ: WSGIEnvironment
    overdue_at: float
    sent_before: _SentBytes | None = None


class OccupiedThreads:
    """The threads of a process that wait for clients. Thread-safe."""

    def __init__(self, threads: int) -> None:
        self._all = max(1, threads * 7 // 8)
        self._readers = max(1, threads * 3 // 4)
        self._without_token = max(1, threads // 4)
        self._per_address = max(1, threads // 8)
        self._lock = threading.Lock()
        self._count = 0
        self._addresses: Counter[str] = Counter()
        self._reads: set[_Read] = set()

    def begin_sending(self) -> bool:
        """Count a thread that streams a response. False: there are too many."""
        with self._lock:
            is_possible = self._count < self._all
            self._count += is_possible
            return is_possible

    def end_sending(self) -> None:
        """Stop counting a thread."""
        with self._lock:
            self._count -= 1

    def begin_reading(self, address: str, *, has_token: bool) -> None:
        """Count a thread that reads a body.

        Raises:
            Busy: there are too many.
        """
        with self._lock:
            is_full = self._count >= self._readers or (
                not has_token
                and (
                    self._addresses.total() >= self._without_token
                    or self._addresses[address] >= self._per_address
                )
            )
            if is_full:
                raise Busy
            self._count += 1
            if not has_token:
                self._addresses[address] += 1

    def end_reading(self, address: str, *, has_token: bool) -> None:
        """Stop counting a thread."""
        with self._lock:
            self._count -= 1
            if not has_token:
                self._addresses[address] -= 1
                self._addresses += Counter()  # drops zeros

    @contextmanager
    def reading(self, environ: WSGIEnvironment) -> Iterator[None]:
        """Shut the connection down if the block, which reads a block, takes too long."""
        read = _Read(environ, time.monotonic() + _BLOCK_SECONDS)
        with self._lock:
            self._reads.add(read)
        try:
            yield
        finally:
            with self._lock:
                self._reads.discard(read)

    def close_stalled(self) -> None:
        """Shut down stalled connections of this process, for ever."""
        while (port := _limit_sending()) is None:
            time.sleep(_START_SECONDS)
        while True:
            time.sleep(_SWEEP_SECONDS)
            now = time.monotonic()
            with self._lock:
                overdue = [read for read in self._reads if read.overdue_at < now]
            overdue.sort(key=lambda read: read.overdue_at)
            try:
                if overdue:
                    _time_out(overdue, port)
            except Exception as error:  # noqa: BLE001 -- the thread must go on
                _log.error("connection.unclosed", error=repr(error))


class LimitedApplication:
    """The WSGI application `inner`, which waits for clients within limits.

    Made in the process that serves it, since it starts a thread.
    """

    def __init__(self, inner: WSGIApplication, threads: int) -> None:
        self._inner = inner
        self._occupied = OccupiedThreads(threads)
        threading.Thread(target=self._occupied.close_stalled, daemon=True).start()

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request."""
        if environ["REQUEST_METHOD"] in _WITHOUT_BODY:
            response = self._inner(environ, start_response)
        else:
            response = self._read_within_limits(environ, start_response)
        if not isinstance(response, StreamingHttpResponse):
            return response
        if self._occupied.begin_sending():
            return _Sending(response, self._occupied)
        response.close()
        start_response("503 Service Unavailable", _NO_THREAD_HEADERS)
        return [_NO_THREAD]

    def _read_within_limits(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        body = _Body(environ, self._occupied)
        environ["wsgi.input"] = body
        try:
            return self._inner(environ, start_response)
        finally:
            body.release()


class _Sending:
    """A response that is streamed. The server closes it in any case."""

    def __init__(self, response: StreamingHttpResponse, occupied: OccupiedThreads):
        self._response = response
        self._occupied = occupied

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._response)

    def close(self) -> None:
        """Make the thread free for others."""
        self._occupied.end_sending()
        self._response.close()


class _Body(io.BufferedIOBase):
    """The body of a request. Its thread counts as a reader from the first read to the last."""

    def __init__(self, environ: WSGIEnvironment, occupied: OccupiedThreads) -> None:
        self._environ = environ
        self._input = environ["wsgi.input"]
        self._occupied = occupied
        self._address: str = environ.get("REMOTE_ADDR", "")
        self._has_token = False
        self._is_counted = False
        length = environ.get("CONTENT_LENGTH", "")
        self._left_bytes = int(length) if length.isdecimal() else sys.maxsize

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, or fewer at the end.

        Raises:
            Busy: too many threads read bodies.
        """
        wanted = self._left_bytes if size is None or size < 0 else size
        left = min(wanted, self._left_bytes)
        blocks: list[bytes] = []
        while left > 0 and (block := self._read_block(min(left, _BLOCK_BYTES))):
            blocks.append(block)
            left -= len(block)
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def release(self) -> None:
        """Stop being a reader, and let go of the request, which refers to this."""
        self._end()
        self._environ = {}

    def _read_block(self, size: int) -> bytes:
        if not self._is_counted:
            self._has_token = auth.IS_AUTHENTICATED in self._environ
            self._occupied.begin_reading(self._address, has_token=self._has_token)
            self._is_counted = True
        with self._occupied.reading(self._environ):
            block: bytes = self._input.read(size)
        self._left_bytes -= len(block)
        if len(block) < size or not self._left_bytes:
            self._end()
        return block

    def _end(self) -> None:
        if self._is_counted:
            self._is_counted = False
            self._occupied.end_reading(self._address, has_token=self._has_token)


def _time_out(overdue: list[_Read], port: int) -> None:
    """Answer requests whose bodies do not come, and shut their connections down.

    A connection whose response takes longer to leave is shut down by a later call.
    """
    sent = {peer: _sent_bytes(connection) for peer, connection in _accepted(port)}
    for read in overdue:
        if read.sent_before is None:
            read.sent_before = sent
            _answer(read.environ)
    before: _SentBytes = {}
    newest_first = reversed(overdue)
    for known in {id(r.sent_before): r.sent_before for r in newest_first}.values():
        before |= known or {}
    time.sleep(_SEND_SECONDS)
    addresses = {read.environ.get("REMOTE_ADDR", "") for read in overdue}
    for peer, connection in _accepted(port):
        if peer[0] in addresses and peer in before:
            with suppress(OSError):
                if _sent_bytes(connection) - before[peer] in _TIMED_OUT_BYTES:
                    connection.shutdown(socket.SHUT_RDWR)


def _answer(environ: WSGIEnvironment) -> None:
    address, path = environ.get("REMOTE_ADDR", ""), environ["PATH_INFO"]
    _log.warning("request.timed_out", address=address, path=auth.hide_token(path))
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(_TIMED_OUT))),
        ("Connection", "close"),
    ]
    environ[_PROTOCOL].response_bytes(HTTPStatus.REQUEST_TIMEOUT, headers, _TIMED_OUT)


def _accepted(port: int) -> Iterator[tuple[tuple[Any, ...], socket.socket]]:
    """Yield peer and socket of each connection to `port`; not those to a database."""
    for connection in _connections():
        with connection, suppress(OSError):
            if connection.getsockname()[1] == port:
                yield connection.getpeername(), connection


def _connections() -> Iterator[socket.socket]:
    """Yield a duplicate of each TCP socket of this process."""
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if str(entry.readlink()).startswith("socket:"):
                found = socket.socket(fileno=os.dup(int(entry.name)))
                if found.family in {socket.AF_INET, socket.AF_INET6}:
                    yield found
                else:
                    found.close()


def _sent_bytes(connection: socket.socket) -> int:
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    (sent,) = struct.unpack_from("=Q", info, 200)
    return int(sent)


def prepare_process() -> None:
    """Allow as many open files as connections, and tell the application of granian's protocol.

    Called before granian starts.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + _OTHER_FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    name = "_wsgi_call_wrap"  # which granian has no public way to replace
    wrap = getattr(granian_server, name)

    def wrap_with_protocol(*arguments: Any) -> Callable[[Any, dict[str, Any]], Any]:
        call = wrap(*arguments)

        def call_with_protocol(protocol: Any, scope: dict[str, Any]) -> Any:
            scope[_PROTOCOL] = protocol
            return call(protocol, scope)

        return call_with_protocol

    setattr(granian_server, name, wrap_with_protocol)


def _limit_sending() -> int | None:
    """Drop connections whose clients do not read.

    Return the port on which this process listens; None if it does not listen yet.

    Connections inherit the option. Linux looks at it each time that it probes the client, so
    it takes up to twice the time.
    """
    port: int | None = None
    for connection in _connections():
        with connection:
            if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                milliseconds = int(_BLOCK_SECONDS * 1000)
                connection.setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds
                )
                port = connection.getsockname()[1]
    return port
