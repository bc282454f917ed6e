"""Monitor a child: read its output, kill it when its time is up, describe its exit."""

import os
import select
import signal
import time
from dataclasses import dataclass

from symdepot.sandbox import linux_process, protocol
from symdepot.sandbox.resource_limits import ResourceLimits

_STDERR_TAIL_BYTES = 2000
_BLOCK_BYTES = 65_536
_SIGNALS = {s.value: s.name for s in signal.Signals}
# A file cannot cause these by itself.
_NO_FAULT_OF_FILE = {
    signal.SIGKILL.value: "the process that read it was killed from outside",
    signal.SIGBUS.value: "its end could not be read",
}


@dataclass(slots=True)
class ChildProcess:
    """A running child, and its output so far."""

    pid: int
    response_fd: int
    stderr_fd: int
    response: bytes = b""
    stderr_tail: bytes = b""


def response(
    process: ChildProcess, limits: ResourceLimits, stop_fds: tuple[int, ...]
) -> bytes:
    """Wait for a child, and return its response, or one with the reason why there is none.

    The child is killed when its time is up.

    Raises:
        PeerClosed: a descriptor of `stop_fds` became readable; the child is killed.
    """
    killed_because, status = _watch(process, limits, stop_fds)
    code = os.waitstatus_to_exitcode(status)
    stderr = process.stderr_tail.decode("utf-8", "replace")
    if killed_because is not None:
        return protocol.encode({"died": killed_because, "stderr": stderr})
    if code == os.EX_OK:
        return process.response or protocol.encode(
            {"died": "it gave no answer", "stderr": ""}
        )
    if -code in _NO_FAULT_OF_FILE:
        return protocol.encode({"lost": _NO_FAULT_OF_FILE[-code], "stderr": stderr})
    reason = exit_reason(code, process.stderr_tail, limits)
    return protocol.encode({"died": reason, "stderr": stderr})


def exit_reason(code: int, stderr_tail: bytes, limits: ResourceLimits) -> str:
    """Return why a child with this exit code ended."""
    # Rust prints this and aborts when an allocation fails.
    starved = code == -signal.SIGABRT and b"memory allocation of" in stderr_tail
    if starved or code == protocol.EXIT_OUT_OF_MEMORY:
        return f"it needed more than {limits.memory_bytes >> 20} MiB of memory"
    if code == -signal.SIGXCPU:
        return f"it needed more than {limits.cpu_seconds} s of processor time"
    if code < 0:
        return f"it crashed ({_SIGNALS.get(-code, f'signal {-code}')})"
    return f"it gave up (status {code})"


def _watch(
    process: ChildProcess, limits: ResourceLimits, stop_fds: tuple[int, ...]
) -> tuple[str | None, int]:
    """Read the output of a child until it exits, then reap it.

    Returns why it was killed, if it was, and its wait status.
    """
    end_fd = linux_process.open_pidfd(process.pid)
    for fd in (process.response_fd, process.stderr_fd):
        os.set_blocking(fd, False)
    try:
        killed_because = _read_until_exit(process, end_fd, limits, stop_fds)
    finally:
        # No effect if it has exited: it is not reaped yet.
        os.kill(process.pid, signal.SIGKILL)
        _, status = os.waitpid(process.pid, 0)
        for fd in (end_fd, process.response_fd, process.stderr_fd):
            os.close(fd)
    return killed_because, status


def _read_until_exit(
    process: ChildProcess,
    end_fd: int,
    limits: ResourceLimits,
    stop_fds: tuple[int, ...],
) -> str | None:
    """Return why the child must be killed; None if it has exited."""
    deadline = time.monotonic() + limits.wall_seconds
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
            return "its answer had no end"
        if has_exited:
            return None
        if not ready.isdisjoint(stop_fds):
            raise protocol.PeerClosed
    return f"it took longer than {limits.wall_seconds:g} s"


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
