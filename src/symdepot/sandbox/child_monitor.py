"""Monitor a child: read its output, kill it when its time is up, describe its exit."""

import os
import select
import signal
import time
from dataclasses import dataclass
from enum import Enum, auto

from symdepot.sandbox import linux, protocol
from symdepot.sandbox.resource_limits import ResourceLimits

_STDERR_TAIL_BYTES = 2000
_BLOCK_BYTES = 65_536
_MEBIBYTE = 1024**2

_SIGNALS = {s.value: s.name for s in signal.Signals}

# A file cannot cause these by itself.
_NO_FAULT_OF_FILE = {
    signal.SIGKILL.value: "the process that read it was killed from outside",
    signal.SIGBUS.value: "its end could not be read",
}


class ExitCause(Enum):
    """Why monitoring a child ended."""

    EXITED = auto()
    TIMED_OUT = auto()
    RESPONSE_TOO_LONG = auto()
    ABANDONED = auto()


@dataclass(slots=True)
class ChildProcess:
    """A running child, and its output so far."""

    pid: int
    response_fd: int
    stderr_fd: int
    response: bytes = b""
    stderr_tail: bytes = b""


@dataclass(frozen=True, slots=True)
class ChildExit:
    """Why monitoring ended, and the wait status of the child."""

    cause: ExitCause
    status: int


def watch(
    process: ChildProcess, wall_seconds: float, *, stop_fds: tuple[int, ...] = ()
) -> ChildExit:
    """Read the output of a child until it exits, then reap it.

    It is killed after `wall_seconds`, or when a descriptor of `stop_fds` becomes
    readable.
    """
    deadline = time.monotonic() + wall_seconds
    end_fd = linux.open_pidfd(process.pid)
    for fd in (process.response_fd, process.stderr_fd):
        os.set_blocking(fd, False)
    try:
        cause = _read_until_exit(process, end_fd, stop_fds, deadline)
    finally:
        # No effect if it has exited: it is not reaped yet.
        os.kill(process.pid, signal.SIGKILL)
        _, status = os.waitpid(process.pid, 0)
        for fd in (end_fd, process.response_fd, process.stderr_fd):
            os.close(fd)
    return ChildExit(cause, status)


def response(process: ChildProcess, end: ChildExit, limits: ResourceLimits) -> bytes:
    """Return the child's response, or one with the reason why there is none."""
    code = os.waitstatus_to_exitcode(end.status)
    if end.cause is ExitCause.EXITED and code == os.EX_OK:
        return process.response or protocol.encode(
            {"died": "it gave no answer", "stderr": ""}
        )
    stderr = process.stderr_tail.decode("utf-8", "replace")
    if end.cause is ExitCause.EXITED and -code in _NO_FAULT_OF_FILE:
        return protocol.encode({"lost": _NO_FAULT_OF_FILE[-code], "stderr": stderr})
    reason = _kill_reason(end, limits) or exit_reason(code, process.stderr_tail, limits)
    return protocol.encode({"died": reason, "stderr": stderr})


def exit_reason(code: int, stderr_tail: bytes, limits: ResourceLimits) -> str:
    """Return why a child with this exit code ended."""
    # Rust prints this and aborts when an allocation fails.
    starved = code == -signal.SIGABRT and b"memory allocation of" in stderr_tail
    if starved or code == protocol.EXIT_OUT_OF_MEMORY:
        return f"it needed more than {limits.memory_bytes // _MEBIBYTE} MiB of memory"
    if code == -signal.SIGXCPU:
        return f"it needed more than {limits.cpu_seconds} s of processor time"
    if code < 0:
        return f"it crashed ({_SIGNALS.get(-code, f'signal {-code}')})"
    return f"it gave up (status {code})"


def _kill_reason(end: ChildExit, limits: ResourceLimits) -> str | None:
    match end.cause:
        case ExitCause.TIMED_OUT:
            return f"it took longer than {limits.wall_seconds:g} s"
        case ExitCause.RESPONSE_TOO_LONG:
            return "its answer had no end"
        case _:
            return None


def _read_until_exit(
    process: ChildProcess, end_fd: int, stop_fds: tuple[int, ...], deadline: float
) -> ExitCause:
    poll = select.poll()
    pipes = {process.response_fd, process.stderr_fd}
    for fd in (end_fd, *pipes, *stop_fds):
        poll.register(fd, select.POLLIN)
    while (left_seconds := deadline - time.monotonic()) > 0:
        ready = {fd for fd, _ in poll.poll(left_seconds * 1000)}
        has_exited = end_fd in ready
        # Its last output may have come after the poll.
        for fd in set(pipes if has_exited else ready & pipes):
            if not _read(process, fd):
                poll.unregister(fd)
                pipes.remove(fd)
        if len(process.response) > protocol.MAX_MESSAGE_BYTES:
            return ExitCause.RESPONSE_TOO_LONG
        if has_exited:
            return ExitCause.EXITED
        if not ready.isdisjoint(stop_fds):
            return ExitCause.ABANDONED
    return ExitCause.TIMED_OUT


def _read(process: ChildProcess, fd: int) -> bool:
    """Read the output on `fd`; False at its end."""
    try:
        block = os.read(fd, _BLOCK_BYTES)
    except BlockingIOError:
        return True
    if fd == process.response_fd:
        process.response += block
    else:
        process.stderr_tail = (process.stderr_tail + block)[-_STDERR_TAIL_BYTES:]
    return bool(block)
