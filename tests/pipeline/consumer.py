"""An HTTP server with given responses that records its requests."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

type Answer = int | bytes | Callable[["Exchange"], None]
"""A status, the bytes of a response, or a function that writes it."""


@dataclass(slots=True)
class Consumer:
    """Its address, its next responses, and the requests that it received."""

    port: int
    answers: list[Answer] = field(default_factory=list)
    received: list["Exchange"] = field(default_factory=list)
    scheme: str = "http"

    def url(self, host: str = "127.0.0.1", path: str = "/hook?a=b") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


@dataclass(slots=True)
class Exchange:
    """One request, and the connection that it came by."""

    path: str
    headers: dict[str, str]
    body: bytes
    handler: BaseHTTPRequestHandler

    def write(self, data: bytes) -> None:
        self.handler.wfile.write(data)
        self.handler.wfile.flush()


class _Handler(BaseHTTPRequestHandler):
    consumer: Consumer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        exchange = Exchange(self.path, headers, body, self)
        answer = self.consumer.answers.pop(0) if self.consumer.answers else 200
        self.consumer.received.append(exchange)
        self.close_connection = True
        try:
            match answer:
                case int():
                    self.send_response(answer)
                    self.end_headers()
                case bytes():
                    exchange.write(answer)
                case _:
                    answer(exchange)
        except OSError:
            pass  # the client closed the connection

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- theirs
        """Log nothing."""


@contextmanager
def listening(tls: ssl.SSLContext | None = None) -> Iterator[Consumer]:
    """Run a consumer on a free port."""

    class Handler(_Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    Handler.consumer = consumer = Consumer(
        server.server_port, scheme="https" if tls else "http"
    )
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield consumer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
