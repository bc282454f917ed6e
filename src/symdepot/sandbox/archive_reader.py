"""The server's end of extraction: read the debug files in an archive from a child."""

import dataclasses
import json
import os
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import structlog

from symdepot.domain.errors import NotADebugFile, ParserDied, SandboxUnavailable
from symdepot.domain.formats.file_type import ArchiveKind
from symdepot.sandbox import child_monitor, protocol, resource_limits, zygote_client
from symdepot.sandbox.protocol import ArchiveMessageKind, InvalidMessage, PeerClosed
from symdepot.sandbox.resource_limits import ResourceLimits

EXTRACTOR = ("-m", "symdepot.sandbox.archive_child")
_EXIT_SECONDS = 10.0
_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}
"""Without it, libarchive does not support names that are not ASCII."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ExtractedFile:
    """A member that looks like a debug file. Read `blocks` before the next member."""

    name: str
    blocks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A member that is not extracted, and why."""

    name: str
    why: str


@cache
def is_available() -> bool:
    """Return whether the shared library libarchive is installed."""
    return find_library("archive") is not None


def extract(
    path: Path,
    kind: ArchiveKind,
    *,
    member_bytes: int,
    extractor: tuple[str, ...] = EXTRACTOR,
    limits_for: Callable[[int], ResourceLimits] = resource_limits.for_extraction,
) -> Generator[ExtractedFile | SkippedFile, None, None]:
    """Yield the members of the archive at `path` that look like debug files.

    No member is larger than `member_bytes`. Closing the generator kills the child.

    Raises:
        NotADebugFile: the archive is invalid or expands too much. Members that were
            complete before are valid.
        ParserDied: reading it ended the child, and would again.
        SandboxUnavailable: there was no child; retry.
        OSError: the file cannot be opened.
    """
    with path.open("rb", buffering=0) as archive:
        packed_bytes = os.fstat(archive.fileno()).st_size
        limits = limits_for(packed_bytes)
        parameters = {
            "kind": kind.value,
            "packed_bytes": packed_bytes,
            "max_member_bytes": member_bytes,
            "limits": dataclasses.asdict(limits),
        }
        with _child((*extractor, json.dumps(parameters)), archive) as process:
            yield from _MessageReader(process, limits, member_bytes).members()


class _MessageReader:
    """Reads members from the messages of a child, which is not trusted."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        limits: ResourceLimits,
        max_member_bytes: int,
    ) -> None:
        self._process = process
        self._limits = limits
        self._max_member_bytes = max_member_bytes
        self._is_in_member = False

    def members(self) -> Iterator[ExtractedFile | SkippedFile]:
        while True:
            match self._receive():
                case ArchiveMessageKind.MEMBER, name:
                    self._is_in_member = True
                    yield ExtractedFile(_text(name), self._blocks())
                    for _ in self._blocks():
                        pass  # the caller did not read the rest
                case ArchiveMessageKind.REFUSED, content:
                    yield _skipped_file(content)
                case ArchiveMessageKind.DONE, _:
                    return
                case _:
                    raise zygote_client.invalid_response()

    def _blocks(self) -> Iterator[bytes]:
        left = self._max_member_bytes
        while self._is_in_member:
            match self._receive():
                case ArchiveMessageKind.DATA, block if len(block) <= left:
                    left -= len(block)
                    yield block
                case ArchiveMessageKind.END, _:
                    self._is_in_member = False
                case _:
                    raise zygote_client.invalid_response()

    def _receive(self) -> tuple[ArchiveMessageKind, bytes]:
        """Return the next message, unless it ends the extraction."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        seconds = self._limits.wall_seconds
        try:
            kind, content = protocol.receive_archive_message(
                self._process.stdout.fileno(), wait_seconds=seconds
            )
        except TimeoutError:
            reason = f"it said nothing for {seconds:g} s"
            raise zygote_client.parser_died(reason) from None
        except InvalidMessage:
            raise zygote_client.invalid_response() from None
        except PeerClosed:
            raise self._death() from None
        if kind is ArchiveMessageKind.BROKEN:
            raise NotADebugFile(_text(content))
        if kind is ArchiveMessageKind.FAULT:
            _log.error("extraction.failed", traceback=_text(content))
        return kind, content

    def _death(self) -> ParserDied:
        try:
            code = self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return zygote_client.invalid_response()
        reason = child_monitor.exit_reason(code, b"", self._limits)
        return zygote_client.parser_died(reason)


@contextmanager
def _child(
    arguments: tuple[str, ...], archive: BinaryIO
) -> Iterator["subprocess.Popen[bytes]"]:
    try:
        process = zygote_client.start_process(
            arguments,
            environment=_ENVIRONMENT,
            stdin=archive,
            stdout=subprocess.PIPE,
            # Hostile code must not write to a terminal.
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise SandboxUnavailable("no process to read it was to be had") from error
    with process:
        try:
            yield process
        finally:
            process.kill()


def _skipped_file(content: bytes) -> SkippedFile:
    try:
        match json.loads(content):
            case [str(name), str(why)]:
                return SkippedFile(name, why)
    except (ValueError, RecursionError):
        pass
    raise zygote_client.invalid_response()


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
