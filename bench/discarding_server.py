"""A server that takes uploads and keeps nothing: what is left is the client's own cost.

It says that every file is missing, reads the chunks and drops them, and says that all
is well. About the project `known` it says so at once. Run as
`python -m bench.discarding_server`: reads from standard input what to answer about chunks, as
JSON, and prints the port that it listens on. It ends when its input does.
"""

import json
import socket
import sys
import threading
from dataclasses import dataclass, field

_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 64 * 1024
_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class _Head:
    """The first lines of a request, and what of its body came with them."""

    method: str
    path: str
    size_bytes: int
    begun: bytes
    is_asking: bool


@dataclass(slots=True)
class _Discarding:
    """What is answered, and which files have been asked about."""

    options: dict[str, object]
    asked: set[tuple[str, str]] = field(default_factory=set)

    def answer(self, head: _Head, body: bytes) -> object:
        """Return what to say, as JSON."""
        if head.method == "GET":
            return self.options
        return {
            checksum: self._standing(head.path, checksum, file["chunks"])
            for checksum, file in json.loads(body).items()
        }

    def _standing(
        self, path: str, checksum: str, chunks: list[str]
    ) -> dict[str, object]:
        is_known = "/known/" in path or (path, checksum) in self.asked
        self.asked.add((path, checksum))
        if is_known:
            return {"state": "ok", "missingChunks": []}
        return {"state": "not_found", "missingChunks": chunks}


def main() -> None:
    """Serve until standard input ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        options = json.loads(sys.stdin.readline())
        options["url"] = f"http://127.0.0.1:{port}/chunks/"
        discarding = _Discarding(options)
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        threading.Thread(
            target=_accept, args=(listening, discarding), daemon=True
        ).start()
        sys.stdin.read()


def _accept(listening: socket.socket, discarding: _Discarding) -> None:
    while True:
        line, _ = listening.accept()
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(line, discarding), daemon=True).start()


def _serve(line: socket.socket, discarding: _Discarding) -> None:
    block = bytearray(_BLOCK_BYTES)
    with line:
        while head := _head(line):
            if head.is_asking:
                line.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            left = head.size_bytes - len(head.begun)
            if head.path.startswith("/chunks/"):
                _drop(line, left, block)
                line.sendall(_response(b""))
            else:
                body = head.begun + _read(line, left)
                answer = json.dumps(discarding.answer(head, body))
                line.sendall(_response(answer.encode()))


def _head(line: socket.socket) -> _Head | None:
    """Read as far as the end of a head; None at the end of the connection."""
    data = b""
    while _END_OF_HEAD not in data:
        more = line.recv(_HEAD_BYTES)
        if not more:
            return None
        data += more
    text, _, begun = data.partition(_END_OF_HEAD)
    first, *lines = text.decode("latin-1").split("\r\n")
    named = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    method, path, _ = first.split(" ", 2)
    return _Head(
        method, path, int(named.get("content-length", 0)), begun, "expect" in named
    )


def _drop(line: socket.socket, left: int, block: bytearray) -> None:
    view = memoryview(block)
    while left > 0:
        came = line.recv_into(view[: min(left, len(block))])
        if not came:
            return
        left -= came


def _read(line: socket.socket, left: int) -> bytes:
    parts = []
    while left > 0 and (part := line.recv(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _response(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


if __name__ == "__main__":
    main()
