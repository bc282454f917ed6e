"""Watches a child: hears what it says, stops it in time, and tells how it ended."""

import os
import select
import signal
import time
from dataclasses import dataclass
from enum import Enum, auto

from symdepot.sandbox import child, linux, protocol
from symdepot.sandbox.resource_limits import ResourceLimits

_LAST_WORDS_BYTES = 2000
_BLOCK_BYTES = 65_536
_MEBIBYTE = 1024**2

_SILENT = "it gave no answer"

_SIGNALS = {s.value: s.name for s in signal.Signals}

# Nothing in a file makes anybody send SIGKILL, nor a disk give up.
_LOST = {
    signal.SIGKILL.value: "the process that read it was killed from outside",
    signal.SIGBUS.value: "its end could not be read",
}


class ExitCause(Enum):
    """Why watching a child came to an end."""

    ENDED = auto()
    LATE = auto()
    ENDLESS = auto()
    ABANDONED = auto()


@dataclass(slots=True)
class ChildProcess:
    """A running child, and what it has said so far."""

    pid: int
    answer_fd: int
    words_fd: int
    answer: bytes = b""
    words: bytes = b""


@dataclass(frozen=True, slots=True)
class ChildExit:
    """How a child ended, and whether it was we who ended it."""

    cause: ExitCause
    status: int


def watch(
    running: ChildProcess, seconds: float, *, unless: tuple[int, ...] = ()
) -> ChildExit:
    """Hear the child out until it ends, for `seconds` at most, and reap it.

    It is abandoned as soon as one of the descriptors `unless` becomes readable.
    """
    deadline = time.monotonic() + seconds
    end_fd = linux.open_pidfd(running.pid)
    for fd in (running.answer_fd, running.words_fd):
        os.set_blocking(fd, False)
    try:
        cause = _hear_out(running, end_fd, unless, deadline)
    finally:
        # If it has ended already, this changes nothing: it is not reaped yet.
        os.kill(running.pid, signal.SIGKILL)
        _, status = os.waitpid(running.pid, 0)
        for fd in (end_fd, running.answer_fd, running.words_fd):
            os.close(fd)
    return ChildExit(cause, status)


def describe_exit(
    running: ChildProcess, end: ChildExit, limits: ResourceLimits
) -> bytes:
    """Return what to say about a child that has ended: its answer, or why it has none."""
    code = os.waitstatus_to_exitcode(end.status)
    if end.cause is ExitCause.ENDED and code == os.EX_OK:
        return running.answer or protocol.encode({"died": _SILENT, "words": ""})
    words = running.words.decode("utf-8", "replace")
    if end.cause is ExitCause.ENDED and -code in _LOST:
        return protocol.encode({"lost": _LOST[-code], "words": words})
    reason = _stopped(end, limits) or death_reason(code, running.words, limits)
    return protocol.encode({"died": reason, "words": words})


def death_reason(code: int, words: bytes, limits: ResourceLimits) -> str:
    """Return why a child ended by itself, with this exit code and these last words."""
    # Rust says so, and aborts, when an allocation fails.
    starved = code == -signal.SIGABRT and b"memory allocation of" in words
    if starved or code == child.OUT_OF_MEMORY:
        return f"it needed more than {limits.memory_bytes // _MEBIBYTE} MiB of memory"
    if code == -signal.SIGXCPU:
        return f"it needed more than {limits.cpu_seconds} s of processor time"
    if code < 0:
        return f"it crashed ({_SIGNALS.get(-code, f'signal {-code}')})"
    return f"it gave up (status {code})"


def _hear_out(
    running: ChildProcess, end_fd: int, unless: tuple[int, ...], deadline: float
) -> ExitCause:
    poll = select.poll()
    pipes = {running.answer_fd, running.words_fd}
    for fd in (end_fd, *pipes, *unless):
        poll.register(fd, select.POLLIN)
    while (left_seconds := deadline - time.monotonic()) > 0:
        ready = {fd for fd, _ in poll.poll(left_seconds * 1000)}
        has_ended = end_fd in ready
        # What it said just before its end may have come after we looked.
        for fd in set(pipes if has_ended else ready & pipes):
            if not _hear(running, fd):
                poll.unregister(fd)
                pipes.remove(fd)
        if len(running.answer) > protocol.LONGEST_BYTES:
            return ExitCause.ENDLESS
        if has_ended:
            return ExitCause.ENDED
        if not ready.isdisjoint(unless):
            return ExitCause.ABANDONED
    return ExitCause.LATE


def _hear(running: ChildProcess, fd: int) -> bool:
    """Take what the child says on `fd`; False if it says no more."""
    try:
        said = os.read(fd, _BLOCK_BYTES)
    except BlockingIOError:
        return True
    if fd == running.answer_fd:
        running.answer += said
    else:
        running.words = (running.words + said)[-_LAST_WORDS_BYTES:]
    return bool(said)


def _stopped(end: ChildExit, limits: ResourceLimits) -> str | None:
    match end.cause:
        case ExitCause.LATE:
            return f"it took longer than {limits.wall_seconds:g} s"
        case ExitCause.ENDLESS:
            return "its answer had no end"
        case _:
            return None
