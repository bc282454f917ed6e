"""What the two sides of the sandbox say to each other: JSON, and never too much of it.

A request is `{"path", "name", "limits"}`; with an `errand`, `{"debug_id", "arch",
"into"}`, it asks for a symcache, or, `{"paper"}`, for what is written there: see
`papers`. An answer is one of
`{"objects": [...]}`, `{"refused": text}`, `{"made": {"symbols_only"}}`,
`{"not_made": text, "crashed_parser"}`, `{"answered": true}`, `{"died": reason, "words": tail}`
and `{"lost": reason, "words": tail}`: a child that died says what is wrong with the file,
one that was lost says what is wrong with us.

Nothing here unpickles: whoever has taken over a child can say only what JSON can.
"""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile

# Forty-four objects, which is the most that symbolic finds in a file, and their names.
LONGEST_BYTES = 64 * 1024

_SENDING_SECONDS = 10.0


class InvalidMessage(Exception):
    """What came is not what the other side would say."""


class PeerClosed(Exception):
    """The other side is gone."""


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a line on which messages stay whole."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(to: socket.socket, message: bytes) -> None:
    """Send one message.

    Raises:
        Ended: nobody takes it.
    """
    try:
        to.settimeout(_SENDING_SECONDS)
        to.send(message)
    except OSError as e:
        raise PeerClosed from e


def receive(sender: socket.socket, *, wait_seconds: float | None = None) -> bytes:
    """Wait for the next message and return it.

    Raises:
        Ended: no message is coming any more.
        Garbled: it is longer than any that we send.
        TimeoutError: it was not there after `wait_seconds`.
    """
    sender.settimeout(wait_seconds)
    try:
        message = sender.recv(LONGEST_BYTES + 1)
    except TimeoutError:
        raise
    except OSError as e:
        raise PeerClosed from e
    if not message:
        raise PeerClosed
    if len(message) > LONGEST_BYTES:
        raise InvalidMessage("a message without end")
    return message


def encode(message: Mapping[str, object]) -> bytes:
    """Return a message as it goes over the wire."""
    return json.dumps(message).encode("ascii")


def from_path(path: Path) -> str:
    """Return a path in words of JSON, whatever bytes it is made of."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def to_path(said: str) -> Path:
    """Return the path that `from_path` wrote."""
    return Path(os.fsdecode(said.encode("utf-8", "surrogateescape")))


def decode(message: bytes) -> dict[str, object]:
    """Return what a message says.

    Raises:
        Garbled: it is no JSON object.
    """
    try:
        said = json.loads(message)
    except (ValueError, RecursionError) as e:
        raise InvalidMessage("no JSON") from e
    if not isinstance(said, dict):
        raise InvalidMessage("no object")
    return said


def from_object(o: ObjectFile) -> dict[str, object]:
    """Return an object in words of JSON."""
    return {
        "format": o.format,
        "kind": o.kind,
        "arch": o.arch,
        "debug_id": str(o.debug_id),
        "code_id": None if o.code_id is None else str(o.code_id),
        "features": sorted(o.features),
        "name": o.name,
    }


def to_object(said: object) -> ObjectFile:
    """Return the object that words of JSON describe.

    Raises:
        Garbled: they do not.
    """
    match said:
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
                    features=frozenset(str(f) for f in features),
                    name=name,
                )
            except ValueError as e:
                raise InvalidMessage(str(e)) from e
    raise InvalidMessage("no object file")
