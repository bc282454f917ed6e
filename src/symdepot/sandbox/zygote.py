"""The zygote: a warm process that forks a child for each request.

Arguments: the descriptor of the socket to the server, the server's process id, and the
niceness of this process. It exits with the server: when the socket is closed or, if
another process still has it open, when the server's process is gone.
"""

import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence

from symdepot.sandbox import child, child_monitor, linux_process, protocol
from symdepot.sandbox.child import Perform
from symdepot.sandbox.child_monitor import ChildProcess
from symdepot.sandbox.protocol import SandboxRequest


def serve(arguments: Sequence[str], perform: Perform = child.perform) -> None:
    """Serve requests, one at a time, until the server is gone."""
    socket_fd, server_pid, niceness = map(int, arguments)
    connection = socket.socket(fileno=socket_fd)
    server_fd = linux_process.open_pidfd(server_pid)
    _prepare_to_fork()
    linux_process.lower_priority(niceness)
    while os.getppid() == server_pid and _wait_for_request(connection, server_fd):
        try:
            request = protocol.decode_request(protocol.receive_message(connection))
            response = child_monitor.response(
                _fork(perform, request),
                request.limits,
                stop_fds=(connection.fileno(), server_fd),
            )
            protocol.send_message(connection, response)
        except protocol.PeerClosed:
            return


def _prepare_to_fork() -> None:
    # A stop of the server lets running work finish. Children inherit this; they end
    # with this process or when their time is up.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # symbolic turns on backtraces, which cost more time and memory than parsing.
    os.putenv("RUST_BACKTRACE", "0")
    gc.collect()
    gc.freeze()


def _wait_for_request(connection: socket.socket, server_fd: int) -> bool:
    """Return True when a request is there, False when the server is gone."""
    poll = select.poll()
    for each in (connection, server_fd):
        poll.register(each, select.POLLIN)
    return server_fd not in dict(poll.poll())


def _fork(perform: Perform, request: SandboxRequest) -> ChildProcess:
    response_fd, child_response_fd = os.pipe()
    stderr_fd, child_stderr_fd = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        linux_process.die_with_parent()
        if os.getppid() != parent:
            os._exit(protocol.EXIT_FAILED)
        child.run(perform, request, child_response_fd, child_stderr_fd)
    os.close(child_response_fd)
    os.close(child_stderr_fd)
    return ChildProcess(pid, response_fd, stderr_fd)


if __name__ == "__main__":
    serve(sys.argv[1:])
