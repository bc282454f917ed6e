"""The process that children are forked from: everything is loaded, nothing has happened.

A fork of it reads a file within a few milliseconds, where a fresh interpreter would
first take fifty to import symbolic. It has one thread, so forking it is safe whatever
the threads of the server do, and it never touches a stranger's file itself.

It is started with the number of the descriptor to answer on, the server's process id,
and how far to step back for others: its niceness. It ends with the server: when the line is cut, or, should a fork of the server hold
the line open, when the server's process is gone.
"""

import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence

from symdepot.domain.ids import DebugId
from symdepot.domain.symcache.conversion import ObjectSelector
from symdepot.sandbox import child, child_monitor, linux, protocol
from symdepot.sandbox.child import ChildRequest, ConvertRequest, MappingRequest, Reader
from symdepot.sandbox.child_monitor import ChildProcess, ExitCause
from symdepot.sandbox.resource_limits import ResourceLimits


def serve(arguments: Sequence[str], reader: Reader = child.read) -> None:
    """Have each file read that is asked for, until nobody asks any more."""
    line_fd, server = int(arguments[0]), int(arguments[1])
    line = socket.socket(fileno=line_fd)
    server_fd = linux.open_pidfd(server)
    _settle()
    linux.lower_priority(int(arguments[2]))
    while os.getppid() == server and _is_asked(line, server_fd):
        try:
            request = _request(protocol.receive(line))
            answer = _have_read(reader, request, (line.fileno(), server_fd))
            protocol.send(line, answer)
        except protocol.PeerClosed:
            return


def _settle() -> None:
    """Make this process one that is cheap and safe to fork."""
    # A stop of the server lets work in hand be finished. Children inherit this; they
    # end with this process or when their time is up.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # symbolic turns backtraces on, which take longer and more memory than the reading.
    os.putenv("RUST_BACKTRACE", "0")
    gc.collect()
    gc.freeze()


def _is_asked(line: socket.socket, server_fd: int) -> bool:
    poll = select.poll()
    poll.register(line, select.POLLIN)
    poll.register(server_fd, select.POLLIN)
    ready = {fd for fd, _ in poll.poll()}
    return server_fd not in ready


def _request(message: bytes) -> ChildRequest:
    """Read what the server asks; it is trusted to ask rightly."""
    match protocol.decode(message):
        case {"path": str(path), "name": str(name), "limits": dict(allowed)} as said:
            return ChildRequest(
                protocol.to_path(path),
                name,
                ResourceLimits(**allowed),
                _errand(said.get("errand")),
            )
        case other:
            raise protocol.InvalidMessage(str(other))


def _errand(said: object) -> ConvertRequest | MappingRequest | None:
    match said:
        case {"debug_id": str(debug_id), "arch": str(arch), "into": str(into)}:
            wanted = ObjectSelector(DebugId.parse(debug_id), arch)
            return ConvertRequest(wanted, protocol.to_path(into))
        case {"paper": str(paper)}:
            return MappingRequest(protocol.to_path(paper))
        case _:
            return None


def _have_read(reader: Reader, request: ChildRequest, unless: tuple[int, ...]) -> bytes:
    running = _fork(reader, request)
    end = child_monitor.watch(running, request.limits.wall_seconds, unless=unless)
    if end.cause is ExitCause.ABANDONED:
        raise protocol.PeerClosed
    return child_monitor.describe_exit(running, end, request.limits)


def _fork(reader: Reader, request: ChildRequest) -> ChildProcess:
    answer_fd, child_answer_fd = os.pipe()
    words_fd, child_words_fd = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        linux.end_with_parent()
        if os.getppid() != parent:
            os._exit(child.FAILED)
        child.run(reader, request, child_answer_fd, child_words_fd)
    os.close(child_answer_fd)
    os.close(child_words_fd)
    return ChildProcess(pid, answer_fd, words_fd)


if __name__ == "__main__":
    serve(sys.argv[1:])
