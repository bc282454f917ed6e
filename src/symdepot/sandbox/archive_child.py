"""The child that extracts debug files from one archive, and writes no file.

Argument: its parameters as JSON. Standard input is the archive, standard output the
pipe for messages.
"""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from itertools import chain

from symdepot.domain.errors import FileTooLarge, NotADebugFile
from symdepot.domain.formats import archives, file_type
from symdepot.domain.formats.archives import ArchiveMember
from symdepot.domain.formats.file_type import HEAD_BYTES, ArchiveKind
from symdepot.sandbox import linux_process, protocol, resource_limits
from symdepot.sandbox.protocol import ArchiveMessageKind
from symdepot.sandbox.resource_limits import ResourceLimits

_ARCHIVE_FD, _MESSAGE_FD = 0, 1


def serve(arguments: Sequence[str]) -> int:
    """Send the debug files in the archive; return the exit status."""
    linux_process.die_with_parent()
    parameters = json.loads(arguments[0])
    resource_limits.apply(ResourceLimits(**parameters["limits"]))
    try:
        kind, packed_bytes = ArchiveKind(parameters["kind"]), parameters["packed_bytes"]
        for member in archives.members(_ARCHIVE_FD, kind, packed_bytes):
            _send_member(member, parameters["max_member_bytes"])
        _send(ArchiveMessageKind.DONE)
    except NotADebugFile as error:
        _send(ArchiveMessageKind.BROKEN, str(error)[: protocol.MAX_TEXT_LENGTH])
    except MemoryError:
        return protocol.EXIT_OUT_OF_MEMORY
    except BrokenPipeError:
        return protocol.EXIT_FAILED
    except Exception:  # noqa: BLE001 - the top level of this process
        trace = traceback.format_exc()
        _send(ArchiveMessageKind.FAULT, trace[-protocol.MAX_TEXT_LENGTH :])
        return protocol.EXIT_FAILED
    return os.EX_OK


def _send_member(member: ArchiveMember, max_member_bytes: int) -> None:
    """Send a member if it looks like a debug file."""
    head = b""
    while len(head) < HEAD_BYTES and (block := next(member.blocks, b"")):
        head += block
    name = "/" + member.name.removeprefix("./").lstrip("/")
    if not file_type.may_be_debug_file(head[:HEAD_BYTES], name):
        return
    if member.claimed_bytes > max_member_bytes:
        error = FileTooLarge(
            name=name, size_bytes=member.claimed_bytes, limit_bytes=max_member_bytes
        )
        _send(ArchiveMessageKind.REFUSED, json.dumps([name, str(error)]))
        return
    _send(ArchiveMessageKind.MEMBER, name)
    for block in chain([head], member.blocks):
        protocol.send_archive_message(_MESSAGE_FD, ArchiveMessageKind.DATA, block)
    _send(ArchiveMessageKind.END)


def _send(kind: ArchiveMessageKind, text: str = "") -> None:
    protocol.send_archive_message(_MESSAGE_FD, kind, text.encode("utf-8", "replace"))


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:]))
