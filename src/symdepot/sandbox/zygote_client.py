"""The server's side of the line to a warm process, in whose children files are read."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import BinaryIO
from weakref import WeakSet

from symdepot.domain.errors import ParserDied, SandboxUnavailable
from symdepot.sandbox import protocol

ZYGOTE = ("-m", "symdepot.sandbox.zygote")

# Beyond the file's own wall clock: to start the zygote, and for it to end a child.
_GRACE_SECONDS = 20.0

_NOTHING: Mapping[str, str] = MappingProxyType({})

_log = logging.getLogger(__name__)


class ZygoteClient:
    """Passes requests on, one at a time, to a zygote that is started when needed.

    Safe to share among threads, which take turns. A fork of the server starts one of
    its own. A zygote that was killed costs the file in hand a retry, and no more.
    """

    def __init__(
        self,
        zygote: Sequence[str] = ZYGOTE,
        *,
        niceness: int = 0,
        environment: Mapping[str, str] = _NOTHING,
    ) -> None:
        self._arguments = zygote
        self._niceness = niceness
        self._environment = environment
        self._turn = threading.Lock()
        self._zygote: _Zygote | None = None
        _ALL.add(self)

    def ask(
        self, request: Mapping[str, object], wall_seconds: float
    ) -> dict[str, object]:
        """Return the answer of a child that may take so long.

        Raises:
            ParserDied: the child ended, or answered nonsense, and would again.
            SandboxUnavailable: there was no child; worth a retry.
        """
        with self._turn:
            answer = self._ask(protocol.encode(request), wall_seconds)
        return _understood(answer, request["name"])

    def warm_up(self) -> None:
        """Start the warm process now, so that the first file need not wait for it.

        Raises:
            SandboxUnavailable: it could not be started; `ask` would try again.
        """
        with self._turn:
            self._warm()

    def close(self) -> None:
        """End the warm process; the file in hand, if there is one, costs a retry.

        The next request would start another.
        """
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.end()

    def forget(self) -> None:
        """Leave the warm process to whom it belongs: this process is a fork."""
        self._turn = threading.Lock()
        if self._zygote is not None:
            self._zygote.forget()
            self._zygote = None

    def _ask(self, request: bytes, wall_seconds: float) -> bytes:
        try:
            zygote = self._warm()
            protocol.send(zygote.line, request)
            return protocol.receive(
                zygote.line, wait_seconds=wall_seconds + _GRACE_SECONDS
            )
        except (protocol.PeerClosed, protocol.InvalidMessage, TimeoutError) as e:
            self.close()
            raise SandboxUnavailable("the process that has it read is gone") from e
        except BaseException:
            # An answer that nobody waited for must not become that of another file.
            self.close()
            raise

    def _warm(self) -> "_Zygote":
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
    """The warm process, and the line to it."""

    def __init__(
        self, arguments: Sequence[str], niceness: int, environment: Mapping[str, str]
    ) -> None:
        self.line, far_end = protocol.socket_pair()
        with far_end:
            numbers = (far_end.fileno(), os.getpid(), niceness)
            words = (*arguments, *(str(number) for number in numbers))
            try:
                self._process = start_process(
                    words, environment=environment, pass_fds=(far_end.fileno(),)
                )
            except OSError:
                self.line.close()
                raise

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        # In this order: whoever waits for an answer hears the line end.
        self._process.kill()
        self._process.wait()
        self.line.close()

    def forget(self) -> None:
        self.line.close()
        # Or else `Popen` would worry about a process that is not this one's child.
        self._process.returncode = 0


def start_process(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] = _NOTHING,
    pass_fds: tuple[int, ...] = (),
    **streams: int | BinaryIO,
) -> "subprocess.Popen[bytes]":
    """Start a process of ours that has to do with strangers' files.

    Of `stdin`, `stdout` and `stderr` it has those that `streams` names; as for the
    others, it reads nothing, is not heard, and complains where this process does.

    Raises:
        OSError: there is none to be had.
    """
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]  # noqa: S603 - our own module
        [sys.executable, "-P", *arguments],
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **streams},
        pass_fds=pass_fds,
        # What reads strangers' files need not know the server's secrets.
        env={"PYTHONPATH": os.pathsep.join(sys.path), **environment},
        start_new_session=True,
    )


def protocol_error() -> ParserDied:
    """Return what to say of a child that was taken over, or is broken."""
    return parser_died("its answer made no sense")


def parser_died(reason: str) -> ParserDied:
    """Return what to say of a child that ended while it read a file."""
    return ParserDied(f"Reading this file ended the process that read it: {reason}.")


def _understood(answer: bytes, name: object) -> dict[str, object]:
    try:
        said = protocol.decode(answer)
    except protocol.InvalidMessage as e:
        raise protocol_error() from e
    match said:
        case {"lost": str(reason), "words": words}:
            _log.error("Could not read %r: %s; %r", name, reason, words)
            raise SandboxUnavailable(reason)
        case {"died": str(reason), "words": words}:
            _log.warning("Reading %r ended the reader: %s; %r", name, reason, words)
            raise parser_died(reason)
    return said


def _forget_all() -> None:
    for process in list(_ALL):
        process.forget()


_ALL: WeakSet[ZygoteClient] = WeakSet()
os.register_at_fork(after_in_child=_forget_all)
