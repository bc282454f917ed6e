"""The server's end of a zygote: starts it, and passes requests to it."""

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import BinaryIO
from weakref import WeakSet

import structlog

from symdepot.domain.errors import ParserDied, SandboxUnavailable
from symdepot.sandbox import protocol
from symdepot.sandbox.protocol import SandboxRequest

ZYGOTE = ("-m", "symdepot.sandbox.zygote")
NO_VARIABLES: Mapping[str, str] = MappingProxyType({})

# In addition to the wall clock of a child: to start the zygote and to kill the child.
_GRACE_SECONDS = 20.0

_log = structlog.get_logger(__name__)


class ZygoteClient:
    """Passes requests, one at a time, to a zygote that is started on first use.

    Safe to share among threads. A fork of the server starts a zygote of its own. If the
    zygote is killed, the current request fails, and the next one starts another.
    """

    def __init__(
        self, zygote: Sequence[str], niceness: int, environment: Mapping[str, str]
    ) -> None:
        self._arguments = zygote
        self._niceness = niceness
        self._environment = environment
        self._lock = threading.Lock()
        self._zygote: _Zygote | None = None
        _clients.add(self)

    def perform(self, request: SandboxRequest) -> dict[str, object]:
        """Return the response of a child, for which see `protocol`.

        Raises:
            ParserDied: the child died or sent no JSON, and would do so again.
            SandboxUnavailable: there was no child; retry.
        """
        with self._lock:
            message = self._exchange(
                protocol.encode_request(request), request.limits.wall_seconds
            )
        try:
            response = protocol.decode(message)
        except protocol.InvalidMessage as e:
            raise invalid_response() from e
        log = _log.bind(file=request.name)
        match response:
            case {"lost": str(reason), "stderr": stderr}:
                log.error("parser.failed", reason=reason, stderr=stderr)
                raise SandboxUnavailable(reason)
            case {"died": str(reason), "stderr": stderr}:
                log.warning("parser.died", reason=reason, stderr=stderr)
                raise parser_died(reason)
        return response

    def warm_up(self) -> None:
        """Start the zygote now.

        Raises:
            SandboxUnavailable: it could not be started.
        """
        with self._lock:
            self._running_zygote()

    def close(self) -> None:
        """Kill the zygote; the current request fails with `SandboxUnavailable`.

        The next request starts another zygote.
        """
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.kill()

    def reset_after_fork(self) -> None:
        """Leave the zygote to the parent: this process is a fork."""
        self._lock = threading.Lock()
        if self._zygote is not None:
            self._zygote.disown()
            self._zygote = None

    def _exchange(self, request: bytes, wall_seconds: float) -> bytes:
        try:
            zygote = self._running_zygote()
            protocol.send_message(zygote.connection, request)
            return protocol.receive_message(
                zygote.connection, wait_seconds=wall_seconds + _GRACE_SECONDS
            )
        except (protocol.PeerClosed, protocol.InvalidMessage, TimeoutError) as e:
            self.close()
            raise SandboxUnavailable("the process that has it read is gone") from e
        except BaseException:
            # The response must not be taken for that of the next request.
            self.close()
            raise

    def _running_zygote(self) -> "_Zygote":
        if self._zygote is not None and not self._zygote.is_running:
            self.close()
        if self._zygote is None:
            try:
                self._zygote = _Zygote(
                    self._arguments, self._niceness, self._environment
                )
            except OSError as e:
                raise SandboxUnavailable("no process to read it was to be had") from e
        return self._zygote


class _Zygote:
    """A zygote process, and the socket to it."""

    def __init__(
        self, arguments: Sequence[str], niceness: int, environment: Mapping[str, str]
    ) -> None:
        self.connection, far_end = protocol.socket_pair()
        with far_end:
            numbers = (far_end.fileno(), os.getpid(), niceness)
            command = (*arguments, *map(str, numbers))
            try:
                self._process = start_process(
                    command, environment=environment, pass_fds=(far_end.fileno(),)
                )
            except OSError:
                self.connection.close()
                raise

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        # In this order: a thread that waits for a response sees the socket close.
        self._process.kill()
        self._process.wait()
        self.connection.close()

    def disown(self) -> None:
        self.connection.close()
        # Otherwise `Popen` would warn about a process that is not this one's child.
        self._process.returncode = 0


def start_process(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] = NO_VARIABLES,
    pass_fds: tuple[int, ...] = (),
    **streams: int | BinaryIO,
) -> "subprocess.Popen[bytes]":
    """Start a Python process of the sandbox, without the server's environment.

    `streams` are any of `stdin`, `stdout` and `stderr`; by default the first two are
    null, and stderr is inherited.

    Raises:
        OSError: it cannot be started.
    """
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]  # noqa: S603 - our own module
        [sys.executable, "-P", *arguments],
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **streams},
        pass_fds=pass_fds,
        # The server's environment has secrets.
        env={"PYTHONPATH": os.pathsep.join(sys.path), **environment},
        start_new_session=True,
    )


def invalid_response() -> ParserDied:
    """Return the error for a child whose response is invalid."""
    return parser_died("its answer made no sense")


def parser_died(reason: str) -> ParserDied:
    """Return the error for a child that died."""
    return ParserDied(f"Reading this file ended the process that read it: {reason}.")


def _reset_all_after_fork() -> None:
    for client in list(_clients):
        client.reset_after_fork()


@atexit.register
def _close_all() -> None:
    for client in list(_clients):
        client.close()


_clients: WeakSet[ZygoteClient] = WeakSet()
os.register_at_fork(after_in_child=_reset_all_after_fork)
