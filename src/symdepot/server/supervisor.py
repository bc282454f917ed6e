"""The supervisor: keeps child processes running, and stops them all at the end.

Each child leads a process group of its own. So Ctrl-C on a terminal reaches only the
supervisor, and a child's descendants can be killed together. If the supervisor itself is
killed, the kernel kills the children: they call `die_with_parent`.
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

from symdepot.sandbox import linux_process
from symdepot.server.config import Misconfigured

_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
_GRACE_SECONDS = 10.0
"""How long children may take to stop before they are killed."""
_POLL_SECONDS = 0.5
_STARTUP_POLL_SECONDS = 0.05
_SHORT_LIFE_SECONDS = 1.0
"""A child that ends sooner than this is restarted after a pause that doubles."""
_MAX_PAUSE_SECONDS = 10.0
_MAX_STARTUP_EXITS = 3
_log = structlog.get_logger(__name__)

type _Children = Sequence[SupervisedProcess]
type _Wait = Callable[[float], set[int]]


class SupervisedProcess:
    """A process that is restarted whenever it ends, after a pause if it ends soon."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self.exits = 0
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._not_before = 0.0
        self._short_lives = 0
        self._is_stopping = False

    @property
    def pid(self) -> int | None:
        """The process id; None if the process does not run."""
        return self._process.pid if self._process else None

    def keep_running(self) -> None:
        """Start the process if it does not run and its pause is over."""
        if self.has_ended() and time.monotonic() >= self._not_before:
            self._started_at = time.monotonic()
            self._process = subprocess.Popen(  # noqa: S603 -- our own programs, see `launch`
                self._command, stdin=subprocess.DEVNULL, process_group=0
            )

    def has_ended(self) -> bool:
        """Whether the process does not run. Kills what an ended process left behind."""
        if self._process and self._process.poll() is not None:
            self._clean_up(self._process)
            self._process = None
        return self._process is None

    def terminate(self) -> None:
        """Send SIGTERM to the process, if it runs. Its end is not logged from now on."""
        self._is_stopping = True
        if self._process:
            self._process.terminate()

    def kill(self) -> None:
        """Kill the process and its descendants."""
        if self._process:
            _kill_group(self._process.pid)
            self._process.wait()

    def _clean_up(self, process: subprocess.Popen[bytes]) -> None:
        _kill_group(process.pid)
        lived_seconds = time.monotonic() - self._started_at
        is_short = lived_seconds < _SHORT_LIFE_SECONDS
        self.exits += 1
        self._short_lives = self._short_lives + 1 if is_short else 0
        pause_seconds = min(0.1 * (2**self._short_lives - 1), _MAX_PAUSE_SECONDS)
        self._not_before = time.monotonic() + pause_seconds
        if not self._is_stopping:
            _log.warning(
                "process.ended",
                process=self.name,
                code=process.returncode,
                lived_seconds=round(lived_seconds, 1),
                restart_seconds=pause_seconds,
            )


def supervise(
    children: _Children,
    *,
    is_ready: Callable[[], bool],
    on_ready: Callable[[], None],
) -> None:
    """Keep `children` running until SIGTERM or SIGINT, then stop them all.

    Calls `on_ready()` once, as soon as `is_ready()`. Children get ten seconds to finish
    their work; a second signal kills them at once.

    Raises:
        Misconfigured: a child ended three times before `is_ready()`.
    """
    with _signals() as wait_for_signals:
        try:
            _run(children, wait_for_signals, is_ready, on_ready)
        finally:
            _stop(children, wait_for_signals)


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent `parent_pid` dies (Linux only).

    Exits at once if the parent is dead already. The parent is the *thread* that started
    this process, so start children from a thread that stays.

    Source: prctl(2), PR_SET_PDEATHSIG. The setting survives `exec` but not `fork`.
    """
    if sys.platform != "linux":
        return
    linux_process.die_with_parent()
    if os.getppid() != parent_pid:
        os._exit(1)


def _run(
    children: _Children,
    wait_for_signals: _Wait,
    is_ready: Callable[[], bool],
    on_ready: Callable[[], None],
) -> None:
    ready = False
    signals: set[int] = set()
    while not signals & _STOP_SIGNALS:
        for child in children:
            child.keep_running()
        if not ready:
            _check_startup(children)
            if ready := is_ready():
                on_ready()
        signals = wait_for_signals(_POLL_SECONDS if ready else _STARTUP_POLL_SECONDS)


def _check_startup(children: _Children) -> None:
    for child in children:
        if child.exits >= _MAX_STARTUP_EXITS:
            raise Misconfigured(
                f"The process {child.name!r} ended {child.exits} times before the "
                "server answered once; what it printed above should say why."
            )


def _stop(children: _Children, wait_for_signals: _Wait) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    signals: set[int] = set()
    while [child for child in children if not child.has_ended()]:
        if time.monotonic() > deadline or signals & _STOP_SIGNALS:
            for child in children:
                child.kill()
        signals = wait_for_signals(_POLL_SECONDS)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


@contextmanager
def _signals() -> Iterator[_Wait]:
    """Yield a function that waits for signals, with a timeout, and returns their numbers.

    Signal handlers only write to a socket (`signal.set_wakeup_fd`): nothing is
    interrupted, no signal is lost, and children inherit no signal mask.
    """
    reader, writer = socket.socketpair()
    reader.settimeout(0)
    writer.settimeout(0)
    previous_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    handlers = {
        number: signal.signal(number, lambda *_: None)
        for number in (*_STOP_SIGNALS, signal.SIGCHLD)
    }

    def wait_for_signals(timeout_seconds: float) -> set[int]:
        is_readable = select.select([reader], [], [], timeout_seconds)[0]
        return set(reader.recv(4096)) if is_readable else set()

    try:
        yield wait_for_signals
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(previous_fd)
        reader.close()
        writer.close()
