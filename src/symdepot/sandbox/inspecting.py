"""The server's side of the sandbox: ask for a file to be read, whatever becomes of it."""

import atexit
import dataclasses
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from weakref import WeakSet

from symdepot.domain.errors import NotADebugFile, ParserDied, SandboxUnavailable
from symdepot.domain.objects import ObjectFile
from symdepot.sandbox import limits, messages
from symdepot.sandbox.limits import Limits

_ZYGOTE = ("-m", "symdepot.sandbox.zygote")

# Beyond the file's own wall clock: to start the zygote, and for it to end a child.
_GRACE_SECONDS = 20.0

_log = logging.getLogger(__name__)


def inspect(path: Path, *, name: str) -> list[ObjectFile]:
    """Return the objects in the file at `path`, which its client calls `name`.

    It is read in a child process with limits, so nothing in it can end this one. One
    file at a time; others wait. Costs some milliseconds, and a tenth of a second
    more the first time in each process.

    Raises:
        NotADebugFile: it is of no format that we know, or broken.
        ParserDied: reading it ended the child, and would again.
        SandboxUnavailable: there was no child to read it, or the file cannot be read;
            worth a retry.
    """
    return _OF_THIS_PROCESS.inspect(path, name=name)


def warm_up() -> None:
    """Start the warm process now, so that the first file need not wait for it.

    Raises:
        SandboxUnavailable: it could not be started; `inspect` would try again.
    """
    _OF_THIS_PROCESS.warm_up()


class Inspector:
    """Has files read in children of one warm process, which it starts when needed.

    Safe to share among threads, which take turns. A fork of the server starts one of
    its own. A zygote that was killed costs the file in hand a retry, and no more.
    """

    def __init__(
        self,
        *,
        zygote: Sequence[str] = _ZYGOTE,
        limits_for: Callable[[int], Limits] = limits.for_file,
    ) -> None:
        self._arguments = zygote
        self._limits_for = limits_for
        self._turn = threading.Lock()
        self._zygote: _Zygote | None = None
        _INSPECTORS.add(self)

    def inspect(self, path: Path, *, name: str) -> list[ObjectFile]:
        """Do what `inspecting.inspect` does."""
        try:
            allowed = self._limits_for(path.stat().st_size)
        except OSError as e:
            raise SandboxUnavailable("it cannot be read") from e
        request = {
            "path": os.fsencode(path).decode("utf-8", "surrogateescape"),
            "name": name,
            "limits": dataclasses.asdict(allowed),
        }
        with self._turn:
            answer = self._ask(messages.written(request), allowed.wall_seconds)
        return _understood(answer, name)

    def warm_up(self) -> None:
        """Do what `inspecting.warm_up` does."""
        with self._turn:
            self._warm()

    def close(self) -> None:
        """End the warm process; the file in hand, if there is one, costs a retry.

        The next inspection would start another.
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
            messages.send(zygote.line, request)
            return messages.receive(
                zygote.line, wait_seconds=wall_seconds + _GRACE_SECONDS
            )
        except (messages.Ended, messages.Garbled, TimeoutError) as e:
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
                self._zygote = _Zygote(self._arguments)
            except OSError as e:
                raise SandboxUnavailable("no process to read it was to be had") from e
        return self._zygote


class _Zygote:
    """The warm process, and the line to it."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.line, far_end = messages.pair()
        with far_end:
            words = (*arguments, str(far_end.fileno()), str(os.getpid()))
            try:
                self._process = _started(words, far_end.fileno())
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


def _started(arguments: Sequence[str], line_fd: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-P", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(line_fd,),
        # What reads strangers' files need not know the server's secrets.
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )


def _understood(answer: bytes, name: str) -> list[ObjectFile]:
    try:
        match messages.read(answer):
            case {"objects": list(objects)}:
                return [messages.to_object(o) for o in objects]
            case {"refused": str(text)}:
                raise NotADebugFile(text)
            case {"lost": str(reason), "words": words}:
                _log.error("Could not read %r: %s; %r", name, reason, words)
                raise SandboxUnavailable(reason)
            case {"died": str(reason), "words": words}:
                _log.warning("Reading %r ended the reader: %s; %r", name, reason, words)
                raise _death(reason)
            case _:
                raise _death("its answer made no sense")
    except messages.Garbled as e:
        raise _death("its answer made no sense") from e


def _death(reason: str) -> ParserDied:
    return ParserDied(f"Reading this file ended the process that read it: {reason}.")


def _forget_all() -> None:
    for inspector in list(_INSPECTORS):
        inspector.forget()


_INSPECTORS: WeakSet[Inspector] = WeakSet()
os.register_at_fork(after_in_child=_forget_all)
_OF_THIS_PROCESS = Inspector()
atexit.register(_OF_THIS_PROCESS.close)
