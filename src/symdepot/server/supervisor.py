"""Keeps child processes running until told to stop, and leaves none behind.

Sees to it that no process outlives the one that started it, however that ends.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import structlog

from symdepot.sandbox import linux
from symdepot.server.config import Misconfigured

_STOP = {signal.SIGTERM, signal.SIGINT}
_GRACE_SECONDS = 10.0
"""How long children may take to finish what they are at."""
_LOOK_SECONDS = 0.5
_LOOK_WHILE_STARTING_SECONDS = 0.05
_SOON_SECONDS = 1.0
"""A child that ends sooner than this after its start is not started again at once."""
_LONGEST_PAUSE_SECONDS = 10.0
_ENDS_BEFORE_GIVING_UP = 3
_log = structlog.get_logger(__name__)


class SupervisedProcess:
    """A process that is started again whenever it ends, more slowly if it ends soon.

    It leads a process group of its own: Ctrl-C on a terminal reaches the supervisor
    alone, and what the child leaves behind can be ended as one.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self.ends = 0
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._not_before = 0.0
        self._soon_ends = 0
        self._may_end = False

    @property
    def pid(self) -> int | None:
        """The process, if there is one."""
        return self._process.pid if self._process else None

    def keep_running(self) -> None:
        """Start the process if it does not run and its pause is over."""
        if self.has_ended() and time.monotonic() >= self._not_before:
            self._started_at = time.monotonic()
            self._process = subprocess.Popen(  # noqa: S603 -- our own programs, see `serving`
                self._command, stdin=subprocess.DEVNULL, process_group=0
            )

    def has_ended(self) -> bool:
        """Say whether there is no process; when one has ended, clear up after it."""
        if self._process is not None and self._process.poll() is not None:
            self._clear_up(self._process)
            self._process = None
        return self._process is None

    def ask_to_end(self) -> None:
        """Ask the process, if there is one, to end; from now on it may."""
        self._may_end = True
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End the process and all that it started, now."""
        if self._process is not None:
            _kill_group(self._process.pid)
            self._process.wait()

    def _clear_up(self, process: subprocess.Popen[bytes]) -> None:
        _kill_group(process.pid)
        lived_seconds = time.monotonic() - self._started_at
        self.ends += 1
        self._soon_ends = self._soon_ends + 1 if lived_seconds < _SOON_SECONDS else 0
        pause_seconds = min(0.1 * (2**self._soon_ends - 1), _LONGEST_PAUSE_SECONDS)
        self._not_before = time.monotonic() + pause_seconds
        if not self._may_end:
            _log.warning(
                "a process ended, and is started again",
                process=self.name,
                code=process.returncode,
                lived_seconds=round(lived_seconds, 1),
                in_seconds=pause_seconds,
            )


def supervise(
    children: Sequence[SupervisedProcess],
    *,
    has_begun: Callable[[], bool],
    on_begun: Callable[[], None],
) -> None:
    """Keep `children` running until SIGTERM or SIGINT; then stop them all.

    As soon as `has_begun()` holds, calls `on_begun()`, once. Children finish what
    they are at, for ten seconds at most; a second signal ends them at once.

    Raises:
        Misconfigured: a child ended again and again before anything had begun.
    """
    with _signals() as heard:
        try:
            _run(children, heard, has_begun, on_begun)
        finally:
            _stop(children, heard)


def _run(
    children: Sequence[SupervisedProcess],
    heard: Callable[[float], set[int]],
    has_begun: Callable[[], bool],
    on_begun: Callable[[], None],
) -> None:
    begun = False
    signals: set[int] = set()
    while not signals & _STOP:
        for child in children:
            child.keep_running()
        if not begun:
            _give_up_on(children)
            if begun := has_begun():
                on_begun()
        signals = heard(_LOOK_SECONDS if begun else _LOOK_WHILE_STARTING_SECONDS)


def _give_up_on(children: Sequence[SupervisedProcess]) -> None:
    for child in children:
        if child.ends >= _ENDS_BEFORE_GIVING_UP:
            raise Misconfigured(
                f"The process {child.name!r} ended {child.ends} times before the "
                "server answered once; what it printed above should say why."
            )


def _stop(
    children: Sequence[SupervisedProcess], heard: Callable[[float], set[int]]
) -> None:
    for child in children:
        child.ask_to_end()
    until = time.monotonic() + _GRACE_SECONDS
    signals: set[int] = set()
    while [child for child in children if not child.has_ended()]:
        if time.monotonic() > until or signals & _STOP:
            for child in children:
                child.kill()
        signals = heard(_LOOK_SECONDS)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


@contextmanager
def _signals() -> Iterator[Callable[[float], set[int]]]:
    """Lend a function that waits for signals, so many seconds at most, and names them.

    Handlers only leave a byte in a pipe: nothing is interrupted, nothing is missed,
    and children inherit no mask.
    """
    reader, writer = socket.socketpair()
    reader.settimeout(0)
    writer.settimeout(0)
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    handlers = {s: signal.signal(s, lambda *_: None) for s in (*_STOP, signal.SIGCHLD)}

    def heard(wait_seconds: float) -> set[int]:
        if not select.select([reader], [], [], wait_seconds)[0]:
            return set()
        return set(reader.recv(4096))

    try:
        yield heard
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        reader.close()
        writer.close()


def die_with_parent(parent_pid: int) -> None:
    """Have this process killed when its parent, which is `parent_pid`, has ended.

    Ends it at once if that has happened already. The parent is the *thread* that
    started this process, so start children from a thread that stays. Only Linux
    knows of this; elsewhere nothing happens.

    Source: prctl(2), PR_SET_PDEATHSIG. The setting survives `exec` but not `fork`.
    """
    if sys.platform != "linux":
        return
    linux.die_with_parent()
    if os.getppid() != parent_pid:
        os._exit(1)
