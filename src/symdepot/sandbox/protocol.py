"""Messages between the server, the zygote and the children.

Server and zygote exchange JSON objects over a socket. A request is a `SandboxRequest`.
A response is one of

* `{"objects": [...]}`: inspection,
* `{"written": {"symbols_only"}}` or `{"failed": reason, "crashed_parser"}`: conversion,
* `{"answered": true}`: mapping query; the result is in the spill file,
* `{"refused": text}`: the file is invalid,
* `{"died": reason, "stderr": tail}`: the child died, and would do so again,
* `{"lost": reason, "stderr": tail}`: the child failed through no fault of the file.

The child of an archive writes binary messages to a pipe. A member is `MEMBER` with its
name, any number of `DATA`, and `END`; or `REFUSED` with JSON `[name, reason]`. The last
message is `DONE`, `BROKEN` (the archive is invalid) or `FAULT` (a bug of ours).
"""

import json
import os
import select
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from struct import Struct

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.sandbox.resource_limits import ResourceLimits

# Enough for 44 objects, the most that symbolic finds in a file, with long names.
MAX_MESSAGE_BYTES = 64 * 1024
MAX_ARCHIVE_MESSAGE_BYTES = 1024 * 1024
MAX_TEXT_LENGTH = 2000
"""Of reasons and tracebacks, in characters."""

EXIT_OUT_OF_MEMORY = 77
EXIT_FAILED = 78

_SEND_TIMEOUT_SECONDS = 10.0
_ARCHIVE_HEADER = Struct(">cI")
_PATHS = ("path", "target")


class InvalidMessage(Exception):
    """The message is not one that the other side would send."""


class PeerClosed(Exception):
    """The other side has closed the connection."""


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """An operation on the file at `path`, which its client calls `name`.

    * "inspect" also parses the file on trial.
    * "convert" writes the symcache of the object with `debug_id` and `arch` to the
      existing file `target`.
    * "query_mapping": `target` is a spill file with the query, and then the result.
    """

    operation: str
    path: Path
    name: str
    limits: ResourceLimits
    target: Path = Path()
    debug_id: str = ""
    arch: str = ""


class ArchiveMessageKind(bytes, Enum):
    """The kind of a message from the child of an archive."""

    MEMBER = b"m"
    DATA = b"d"
    END = b"e"
    REFUSED = b"r"
    DONE = b"z"
    BROKEN = b"b"
    FAULT = b"f"


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a socket that preserves message boundaries."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send_message(connection: socket.socket, message: bytes) -> None:
    """Send one message.

    Raises:
        PeerClosed: it cannot be sent.
    """
    try:
        connection.settimeout(_SEND_TIMEOUT_SECONDS)
        connection.send(message)
    except OSError as e:
        raise PeerClosed from e


def receive_message(
    connection: socket.socket, *, wait_seconds: float | None = None
) -> bytes:
    """Wait for the next message and return it.

    Raises:
        PeerClosed: there will be no more messages.
        InvalidMessage: it is longer than `MAX_MESSAGE_BYTES`.
        TimeoutError: none came for `wait_seconds`.
    """
    connection.settimeout(wait_seconds)
    try:
        message = connection.recv(MAX_MESSAGE_BYTES + 1)
    except TimeoutError:
        raise
    except OSError as e:
        raise PeerClosed from e
    if not message:
        raise PeerClosed
    if len(message) > MAX_MESSAGE_BYTES:
        raise InvalidMessage("a message that is too long")
    return message


def encode(message: Mapping[str, object]) -> bytes:
    """Return a message as bytes."""
    return json.dumps(message).encode("ascii")


def decode(message: bytes) -> dict[str, object]:
    """Return the JSON object in a message.

    Raises:
        InvalidMessage: there is none.
    """
    try:
        decoded = json.loads(message)
    except (ValueError, RecursionError) as e:
        raise InvalidMessage("no JSON") from e
    if not isinstance(decoded, dict):
        raise InvalidMessage("no object")
    return decoded


def encode_request(request: SandboxRequest) -> bytes:
    """Return a request as bytes."""
    fields = asdict(request)
    for key in _PATHS:
        fields[key] = os.fsencode(fields[key]).decode("utf-8", "surrogateescape")
    return encode(fields)


def decode_request(message: bytes) -> SandboxRequest:
    """Return the request in a message from the server, which is trusted."""
    fields = json.loads(message)
    for key in _PATHS:
        path = fields[key].encode("utf-8", "surrogateescape")
        fields[key] = Path(os.fsdecode(path))
    fields["limits"] = ResourceLimits(**fields["limits"])
    return SandboxRequest(**fields)


def object_to_json(o: ObjectFile) -> dict[str, object]:
    """Return an object in JSON types."""
    return {
        **asdict(o),
        "debug_id": str(o.debug_id),
        "code_id": None if o.code_id is None else str(o.code_id),
        "features": sorted(o.features),
    }


def object_from_json(fields: object) -> ObjectFile:
    """Return the object from JSON types, which are not trusted.

    Raises:
        InvalidMessage: they are not an object.
    """
    match fields:
        case {
            "format": str(format_name),
            "kind": str() | None as kind,
            "arch": str(arch),
            "debug_id": str(debug_id),
            "code_id": str() | None as code_id,
            "features": list(features),
            "name": str(name),
        }:
            try:
                return ObjectFile(
                    format=Format(format_name),
                    kind=kind,
                    arch=arch,
                    debug_id=DebugId.parse(debug_id),
                    code_id=None if code_id is None else CodeId.parse(code_id),
                    features=frozenset(map(str, features)),
                    name=name,
                )
            except ValueError as e:
                raise InvalidMessage(str(e)) from e
    raise InvalidMessage("no object file")


def send_archive_message(
    fd: int, kind: ArchiveMessageKind, content: bytes = b""
) -> None:
    """Write one message to a pipe; blocks until it is read."""
    write_all(fd, _ARCHIVE_HEADER.pack(kind.value, len(content)) + content)


def write_all(fd: int, content: bytes) -> None:
    """Write to a pipe; blocks until it is read."""
    left = memoryview(content)
    while left:
        left = left[os.write(fd, left) :]


def receive_archive_message(
    fd: int, *, wait_seconds: float
) -> tuple[ArchiveMessageKind, bytes]:
    """Read the kind and content of one message from a pipe.

    Raises:
        PeerClosed: there will be no more messages.
        InvalidMessage: it is not a message.
        TimeoutError: no byte came for `wait_seconds`.
    """
    header = _read_exactly(fd, _ARCHIVE_HEADER.size, wait_seconds)
    kind, length = _ARCHIVE_HEADER.unpack(header)
    if length > MAX_ARCHIVE_MESSAGE_BYTES:
        raise InvalidMessage("a message that is too long")
    content = _read_exactly(fd, length, wait_seconds)
    try:
        return ArchiveMessageKind(kind), content
    except ValueError as e:
        raise InvalidMessage("an unknown kind") from e


def _read_exactly(fd: int, size_bytes: int, wait_seconds: float) -> bytes:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    content = bytearray()
    while len(content) < size_bytes:
        if not poll.poll(wait_seconds * 1000):
            raise TimeoutError
        block = os.read(fd, size_bytes - len(content))
        if not block:
            raise PeerClosed
        content += block
    return bytes(content)
