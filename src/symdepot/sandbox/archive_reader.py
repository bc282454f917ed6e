"""The server's side of unpacking: files come out of an archive, whatever is in it."""

import dataclasses
import json
import logging
import os
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

from symdepot.domain.errors import NotADebugFile, ParserDied, SandboxUnavailable
from symdepot.domain.formats.file_type import ArchiveKind
from symdepot.sandbox import (
    archive_protocol,
    child_monitor,
    resource_limits,
    zygote_client,
)
from symdepot.sandbox.archive_protocol import ArchiveMessage, MessageKind
from symdepot.sandbox.protocol import InvalidMessage, PeerClosed
from symdepot.sandbox.resource_limits import ResourceLimits

_ENDING_SECONDS = 10.0
UNPACKER = ("-m", "symdepot.sandbox.archive_child")
_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}
"""Or libarchive would not know what to do with names that are not ASCII."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExtractedFile:
    """A file in an archive that looks like a debug file; read it before the next."""

    name: str
    blocks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file in an archive that is not taken, and why."""

    name: str
    why: str


@cache
def is_available() -> bool:
    """Say whether the shared library is there that archives are read with."""
    return find_library("archive") is not None


def extract(
    path: Path,
    kind: ArchiveKind,
    *,
    member_bytes: int,
    unpacker: tuple[str, ...] = UNPACKER,
    limits_for: Callable[[int], ResourceLimits] = resource_limits.for_extraction,
) -> Generator[ExtractedFile | SkippedFile, None, None]:
    """Yield the files in the archive at `path` that look like debug files.

    It is read in a child process with limits, so nothing in it can end this one; what
    does not look like a debug file does not leave that. No file has more than
    `member_bytes`. Closing this ends the child.

    Raises:
        NotADebugFile: it cannot be read to its end, or unpacks to too much. Files
            that came out of it until then are sound.
        ParserDied: reading it ended the child, and would again.
        SandboxUnavailable: there was no child to read it.
        OSError: it cannot be opened.
    """
    with path.open("rb", buffering=0) as archive:
        packed_bytes = os.fstat(archive.fileno()).st_size
        allowed = limits_for(packed_bytes)
        orders = {
            "kind": kind.value,
            "bounds": {"packed_bytes": packed_bytes},
            "member_bytes": member_bytes,
            "limits": dataclasses.asdict(allowed),
        }
        with _started((*unpacker, json.dumps(orders)), archive) as process:
            yield from _Conversation(process, allowed, member_bytes).members()


class _Conversation:
    """Hears out a child, and believes nothing."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        allowed: ResourceLimits,
        member_bytes: int,
    ) -> None:
        self._process = process
        self._limits = allowed
        self._member_bytes = member_bytes
        self._is_open = False

    def members(self) -> Iterator[ExtractedFile | SkippedFile]:
        while (frame := self._hear()).kind is not MessageKind.DONE:
            match frame:
                case ArchiveMessage(MessageKind.MEMBER, name):
                    self._is_open = True
                    yield ExtractedFile(name.decode("utf-8", "replace"), self._blocks())
                    for _ in self._blocks():
                        # Nobody wanted the rest of it.
                        pass
                case ArchiveMessage(MessageKind.REFUSED, said):
                    yield _unfit(said)
                case _:
                    raise zygote_client.protocol_error()

    def _blocks(self) -> Iterator[bytes]:
        left = self._member_bytes
        while self._is_open:
            match self._hear():
                case ArchiveMessage(MessageKind.DATA, block) if len(block) <= left:
                    left -= len(block)
                    yield block
                case ArchiveMessage(MessageKind.END):
                    self._is_open = False
                case _:
                    raise zygote_client.protocol_error()

    def _hear(self) -> ArchiveMessage:
        """Return what the child says next, unless it is that it cannot go on."""
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        try:
            frame = archive_protocol.receive(
                self._process.stdout.fileno(), wait_seconds=self._limits.wall_seconds
            )
        except TimeoutError:
            seconds = self._limits.wall_seconds
            raise zygote_client.parser_died(
                f"it said nothing for {seconds:g} s"
            ) from None
        except InvalidMessage:
            raise zygote_client.protocol_error() from None
        except PeerClosed:
            raise self._death() from None
        match frame:
            case ArchiveMessage(MessageKind.BROKEN, words):
                raise NotADebugFile(words.decode("utf-8", "replace"))
            case ArchiveMessage(MessageKind.FAULT, words):
                _log.error("the unpacker failed: %s", words.decode("utf-8", "replace"))
        return frame

    def _death(self) -> ParserDied:
        try:
            code = self._process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            return zygote_client.protocol_error()
        return zygote_client.parser_died(
            child_monitor.death_reason(code, b"", self._limits)
        )


@contextmanager
def _started(
    arguments: tuple[str, ...], archive: BinaryIO
) -> Iterator["subprocess.Popen[bytes]"]:
    try:
        process = zygote_client.start_process(
            arguments,
            environment=_ENVIRONMENT,
            stdin=archive,
            stdout=subprocess.PIPE,
            # Who has taken it over is not to write on somebody's terminal.
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise SandboxUnavailable("no process to read it was to be had") from error
    with process:
        try:
            yield process
        finally:
            process.kill()


def _unfit(said: bytes) -> SkippedFile:
    try:
        match json.loads(said):
            case [str(name), str(why)]:
                return SkippedFile(name, why)
    except (ValueError, RecursionError):
        pass
    raise zygote_client.protocol_error()
