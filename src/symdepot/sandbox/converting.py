"""Has symcaches made of strangers' files, in children that let everybody else go first."""

import atexit
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from symdepot.domain.errors import ParserDied, SandboxUnavailable
from symdepot.domain.formats import elf
from symdepot.domain.symcache.conversion import Conversion, Made, NotMade, Wanted
from symdepot.sandbox import limits, messages, warm
from symdepot.sandbox.limits import Limits
from symdepot.sandbox.warm import WarmProcess

_NICENESS = 19
"""With two cores at work on an upload, a conversion gets a seventieth of one."""

_ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""A fresh process faults in each page that it allocates; large pages are fewer.

27,000 page faults became 7,000 for 77 MB of ELF. Source: the glibc manual, "Memory
Allocation Tunables".
"""


def convert(path: Path, wanted: Wanted, into: Path) -> Conversion:
    """Write the symcache of one object of the file at `path` to `into`, which exists.

    One at a time; others wait, for minutes if a file is large. That the reader died,
    or needed more than its limits, is an answer, too. What is in `into` counts only
    if it says `Made`.

    Raises:
        SandboxUnavailable: there was no child to read it, the file cannot be read or
            the symcache not be written; worth a retry.
    """
    return _OF_THIS_PROCESS.convert(path, wanted, into)


def stop() -> None:
    """End what is in hand, which costs it a retry."""
    _OF_THIS_PROCESS.close()


class Converter(WarmProcess):
    """Has symcaches made in children of one warm process, apart from those that read."""

    def __init__(
        self,
        *,
        zygote: Sequence[str] = warm.ZYGOTE,
        limits_for: Callable[[int, int], Limits] = limits.for_conversion,
        niceness: int = _NICENESS,
    ) -> None:
        super().__init__(zygote, niceness=niceness, environment=_ENVIRONMENT)
        self._limits_for = limits_for

    def convert(self, path: Path, wanted: Wanted, into: Path) -> Conversion:
        """Do what `converting.convert` does."""
        try:
            allowed = self._limits_for(path.stat().st_size, elf.promised_bytes(path))
        except OSError as e:
            raise SandboxUnavailable("it cannot be read") from e
        request = {
            "path": messages.from_path(path),
            "name": path.name,
            "limits": dataclasses.asdict(allowed),
            "errand": {
                "debug_id": str(wanted.debug_id),
                "arch": wanted.arch,
                "into": messages.from_path(into),
            },
        }
        try:
            return _conversion(self.ask(request, allowed.wall_seconds))
        except ParserDied as e:
            return NotMade(str(e), deadly=True)


def _conversion(answer: dict[str, object]) -> Conversion:
    match answer:
        case {"made": {"symbols_only": bool(symbols_only)}}:
            return Made(symbols_only)
        case {"not_made": str(reason), "deadly": bool(deadly)}:
            return NotMade(reason, deadly)
        case _:
            raise warm.nonsense()


_OF_THIS_PROCESS = Converter()
atexit.register(_OF_THIS_PROCESS.close)
