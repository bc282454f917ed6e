"""What a child that unpacks says, and how: frames of bounded size on a pipe.

A file is `MEMBER` with its name, any number of `DATA`, and `END`. `REFUSED` says, instead
of a file, which is not taken, in JSON, and why. The last frame is `DONE`, or says in
words what is wrong with the archive (`BROKEN`) or with us (`FAULT`).
"""

import os
import select
from dataclasses import dataclass
from enum import Enum
from struct import Struct

from symdepot.sandbox.protocol import InvalidMessage, PeerClosed

LONGEST_BYTES = 1024 * 1024
_HEAD = Struct(">cI")


class MessageKind(bytes, Enum):
    """What a frame says."""

    MEMBER = b"m"
    DATA = b"d"
    END = b"e"
    REFUSED = b"r"
    DONE = b"z"
    BROKEN = b"b"
    FAULT = b"f"


@dataclass(frozen=True, slots=True)
class ArchiveMessage:
    """One thing that was said."""

    kind: MessageKind
    content: bytes


def send(fd: int, kind: MessageKind, content: bytes = b"") -> None:
    """Write one frame to a pipe, waiting for as long as nobody reads."""
    message = memoryview(_HEAD.pack(kind.value, len(content)) + content)
    while message:
        message = message[os.write(fd, message) :]


def receive(fd: int, *, wait_seconds: float) -> ArchiveMessage:
    """Read one frame from a pipe.

    Raises:
        Ended: nothing is coming any more.
        Garbled: it is none that `send` would send.
        TimeoutError: no byte came for `wait_seconds`.
    """
    kind, length = _HEAD.unpack(_exactly(fd, _HEAD.size, wait_seconds))
    if length > LONGEST_BYTES:
        raise InvalidMessage("a frame without end")
    content = _exactly(fd, length, wait_seconds)
    try:
        return ArchiveMessage(MessageKind(kind), content)
    except ValueError as error:
        raise InvalidMessage("no frame") from error


def _exactly(fd: int, size_bytes: int, wait_seconds: float) -> bytes:
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
