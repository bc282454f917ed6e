"""The child that unpacks: hands out the debug files in one archive, and is gone.

It is started with its orders, in JSON; the archive is its standard input, and its
standard output the pipe on which it says what is in it. It writes no file.
"""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from itertools import chain

from symdepot.domain.errors import FileTooLarge, NotADebugFile
from symdepot.domain.formats import archives, file_type
from symdepot.domain.formats.archives import ArchiveLimits, ArchiveMember
from symdepot.domain.formats.file_type import HEAD_BYTES, ArchiveKind
from symdepot.sandbox import archive_protocol, child, linux, resource_limits
from symdepot.sandbox.archive_protocol import MessageKind
from symdepot.sandbox.resource_limits import ResourceLimits

_ARCHIVE_FD, _ANSWER_FD = 0, 1
_LONGEST_TEXT = 2000


def serve(arguments: Sequence[str]) -> int:
    """Hand out what is in the archive; return the status to end with."""
    linux.end_with_parent()
    orders = json.loads(arguments[0])
    resource_limits.apply(ResourceLimits(**orders["limits"]))
    try:
        bounds = ArchiveLimits(**orders["bounds"])
        for member in archives.members(
            _ARCHIVE_FD, ArchiveKind(orders["kind"]), bounds
        ):
            _hand_out(member, orders["member_bytes"])
        _say(MessageKind.DONE)
    except NotADebugFile as error:
        _say(MessageKind.BROKEN, str(error)[:_LONGEST_TEXT])
    except MemoryError:
        return child.OUT_OF_MEMORY
    except BrokenPipeError:
        return child.FAILED
    except Exception:  # noqa: BLE001 - the outermost door of this process
        _say(MessageKind.FAULT, traceback.format_exc()[-_LONGEST_TEXT:])
        return child.FAILED
    return os.EX_OK


def _hand_out(member: ArchiveMember, limit_bytes: int) -> None:
    """Say what is in a file, if it looks like a debug file."""
    head = b""
    while len(head) < HEAD_BYTES and (block := next(member.blocks, b"")):
        head += block
    name = "/" + member.name.removeprefix("./").lstrip("/")
    if not file_type.may_be_debug_file(head[:HEAD_BYTES], name):
        return
    if member.promised_bytes > limit_bytes:
        error = FileTooLarge(
            name=name, size_bytes=member.promised_bytes, limit_bytes=limit_bytes
        )
        _say(MessageKind.REFUSED, json.dumps([name, str(error)]))
        return
    _say(MessageKind.MEMBER, name)
    for block in chain([head], member.blocks):
        archive_protocol.send(_ANSWER_FD, MessageKind.DATA, block)
    _say(MessageKind.END)


def _say(kind: MessageKind, text: str = "") -> None:
    archive_protocol.send(_ANSWER_FD, kind, text.encode("utf-8", "replace"))


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:]))
