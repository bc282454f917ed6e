"""A reverse proxy, as servers have in front of them: it answers when they do not."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override

_HOP_BY_HOP = {"connection", "te", "keep-alive", "transfer-encoding", "content-length"}
_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Passed:
    """One request that came by, and what was answered to it."""

    path: str
    request: bytes
    status: int
    answer: bytes

    def json(self) -> Any:
        """Return the body of the answer, which must be JSON."""
        return json.loads(self.answer)


@dataclass(slots=True)
class Proxy:
    """Passes requests on to a server that may come and go.

    While there is none it answers `unavailable`. `before_answer` is called with what
    the server answered, before the client hears of it. `in_chunks`: bodies are passed on
    without their length.
    """

    url: str
    server: tuple[str, int] | None = None
    unavailable: HTTPStatus = HTTPStatus.BAD_GATEWAY
    passed: list[Passed] = field(default_factory=list)
    before_answer: Callable[[Passed], None] | None = None
    in_chunks: bool = False

    def to(self, end_of_path: str) -> list[Passed]:
        """Return what came by about a path."""
        return [one for one in self.passed if one.path.endswith(end_of_path)]


@contextmanager
def opened() -> Iterator[Proxy]:
    """Lend a proxy on a port of its own until the end of the block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as listening:
        listening.daemon_threads = True
        proxy = Proxy(f"http://127.0.0.1:{listening.server_port}")
        listening.RequestHandlerClass = type("_Of", (_Handler,), {"proxy": proxy})
        thread = threading.Thread(target=listening.serve_forever, args=[0.05])
        thread.start()
        try:
            yield proxy
        finally:
            listening.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what came by is in `passed`."""

    def _pass_on(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, kind, answer = self._asked(content)
        one = Passed(self.path, content, status, answer)
        if self.proxy.before_answer is not None:
            self.proxy.before_answer(one)
        self.proxy.passed.append(one)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _asked(self, content: bytes) -> tuple[int, str, bytes]:
        server = self.proxy.server
        if server is not None:
            line = http.client.HTTPConnection(*server, timeout=_WAIT_SECONDS)
            try:
                return self._passed_on(line, content)
            except (OSError, http.client.HTTPException):
                pass  # it is not there, or went away in the middle of its answer
            finally:
                line.close()
        return self.proxy.unavailable, "text/html", b"<h1>No server</h1>"

    def _passed_on(
        self, line: http.client.HTTPConnection, content: bytes
    ) -> tuple[int, str, bytes]:
        line.putrequest(self.command, self.path)
        for name, value in self.headers.items():
            if name.lower() not in {*_HOP_BY_HOP, "host", "accept-encoding"}:
                line.putheader(name, value)
        if self.proxy.in_chunks and content:
            line.putheader("Transfer-Encoding", "chunked")
            line.endheaders(iter([content]), encode_chunked=True)
        else:
            line.putheader("Content-Length", str(len(content)))
            line.endheaders(content)
        response = line.getresponse()
        kind = response.headers.get("Content-Type", "")
        return response.status, kind, response.read()
