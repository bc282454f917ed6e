"""The server's side of the sandbox: ask for a file to be read, whatever becomes of it."""

import atexit
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from symdepot.domain.errors import NotADebugFile, SandboxUnavailable
from symdepot.domain.objects import ObjectFile
from symdepot.sandbox import limits, messages, warm
from symdepot.sandbox.limits import Limits
from symdepot.sandbox.warm import WarmProcess


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


class Inspector(WarmProcess):
    """Has files read in children of one warm process, which it starts when needed."""

    def __init__(
        self,
        *,
        zygote: Sequence[str] = warm.ZYGOTE,
        limits_for: Callable[[int], Limits] = limits.for_file,
    ) -> None:
        super().__init__(zygote)
        self._limits_for = limits_for

    def inspect(self, path: Path, *, name: str) -> list[ObjectFile]:
        """Do what `inspecting.inspect` does."""
        try:
            allowed = self._limits_for(path.stat().st_size)
        except OSError as e:
            raise SandboxUnavailable("it cannot be read") from e
        request = {
            "path": messages.from_path(path),
            "name": name,
            "limits": dataclasses.asdict(allowed),
        }
        return _objects(self.ask(request, allowed.wall_seconds))


def _objects(answer: dict[str, object]) -> list[ObjectFile]:
    match answer:
        case {"objects": list(objects)}:
            try:
                return [messages.to_object(o) for o in objects]
            except messages.Garbled as e:
                raise warm.nonsense() from e
        case {"refused": str(text)}:
            raise NotADebugFile(text)
        case _:
            raise warm.nonsense()


_OF_THIS_PROCESS = Inspector()
atexit.register(_OF_THIS_PROCESS.close)
