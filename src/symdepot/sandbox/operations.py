"""The server's side of the sandbox: ask for a file to be read, whatever becomes of it.

Has symcaches made of strangers' files, in children that let everybody else go first.

Has strangers' mappings asked for real names.
"""

import atexit
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from symdepot.domain.errors import NotADebugFile, ParserDied, SandboxUnavailable
from symdepot.domain.formats import elf
from symdepot.domain.jvm.retrace import MappingQuery, MappingResult
from symdepot.domain.objects import ObjectFile
from symdepot.domain.symcache.conversion import (
    Conversion,
    ConversionFailed,
    ObjectSelector,
    SymCacheWritten,
)
from symdepot.sandbox import protocol, resource_limits, spill_files, zygote_client
from symdepot.sandbox.resource_limits import ResourceLimits
from symdepot.sandbox.zygote_client import ZygoteClient


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


class Inspector(ZygoteClient):
    """Has files read in children of one warm process, which it starts when needed."""

    def __init__(
        self,
        *,
        zygote: Sequence[str] = zygote_client.ZYGOTE,
        limits_for: Callable[[int], ResourceLimits] = resource_limits.for_file,
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
            "path": protocol.from_path(path),
            "name": name,
            "limits": dataclasses.asdict(allowed),
        }
        return _objects(self.ask(request, allowed.wall_seconds))


def _objects(answer: dict[str, object]) -> list[ObjectFile]:
    match answer:
        case {"objects": list(objects)}:
            try:
                return [protocol.to_object(o) for o in objects]
            except protocol.InvalidMessage as e:
                raise zygote_client.protocol_error() from e
        case {"refused": str(text)}:
            raise NotADebugFile(text)
        case _:
            raise zygote_client.protocol_error()


_OF_THIS_PROCESS = Inspector()
atexit.register(_OF_THIS_PROCESS.close)


_NICENESS = 19
"""With two cores at work on an upload, a conversion gets a seventieth of one."""

_ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""A fresh process faults in each page that it allocates; large pages are fewer.

27,000 page faults became 7,000 for 77 MB of ELF. Source: the glibc manual, "Memory
Allocation Tunables".
"""


def convert(path: Path, wanted: ObjectSelector, into: Path) -> Conversion:
    """Write the symcache of one object of the file at `path` to `into`, which exists.

    One at a time; others wait, for minutes if a file is large. That the reader died,
    or needed more than its limits, is an answer, too. What is in `into` counts only
    if it says `Made`.

    Raises:
        SandboxUnavailable: there was no child to read it, the file cannot be read or
            the symcache not be written; worth a retry.
    """
    return _OF_THIS_PROCESS_converting.convert(path, wanted, into)


def stop() -> None:
    """End what is in hand, which costs it a retry."""
    _OF_THIS_PROCESS_converting.close()


class Converter(ZygoteClient):
    """Has symcaches made in children of one warm process, apart from those that read."""

    def __init__(
        self,
        *,
        zygote: Sequence[str] = zygote_client.ZYGOTE,
        limits_for: Callable[
            [int, int], ResourceLimits
        ] = resource_limits.for_conversion,
        niceness: int = _NICENESS,
    ) -> None:
        super().__init__(zygote, niceness=niceness, environment=_ENVIRONMENT)
        self._limits_for = limits_for

    def convert(self, path: Path, wanted: ObjectSelector, into: Path) -> Conversion:
        """Do what `converting.convert` does."""
        try:
            allowed = self._limits_for(path.stat().st_size, elf.decompressed_size(path))
        except OSError as e:
            raise SandboxUnavailable("it cannot be read") from e
        request = {
            "path": protocol.from_path(path),
            "name": path.name,
            "limits": dataclasses.asdict(allowed),
            "errand": {
                "debug_id": str(wanted.debug_id),
                "arch": wanted.arch,
                "into": protocol.from_path(into),
            },
        }
        try:
            return _conversion(self.ask(request, allowed.wall_seconds))
        except ParserDied as e:
            return ConversionFailed(str(e), crashed_parser=True)


def _conversion(answer: dict[str, object]) -> Conversion:
    match answer:
        case {"made": {"symbols_only": bool(symbols_only)}}:
            return SymCacheWritten(symbols_only)
        case {"not_made": str(reason), "crashed_parser": bool(crashed_parser)}:
            return ConversionFailed(reason, crashed_parser)
        case _:
            raise zygote_client.protocol_error()


_OF_THIS_PROCESS_converting = Converter()
atexit.register(_OF_THIS_PROCESS_converting.close)


def query_mapping(mapping: Path, asked: MappingQuery, paper: Path) -> MappingResult:
    """Ask the mapping at `mapping`; `paper` is a file that exists, to write on.

    It is read in a child process with limits. One mapping at a time; others wait: 10 ms,
    and 0.2 s for 100 MB.

    Raises:
        NotADebugFile: it cannot be read as one, or answers without end.
        ParserDied: reading it ended the child, and would again.
        SandboxUnavailable: there was no child to read it, or the file cannot be read;
            worth a retry.
    """
    return _OF_THIS_PROCESS_retracing.ask_mapping(mapping, asked, paper)


class Retracer(ZygoteClient):
    """Has mappings asked in children of one warm process, which starts when needed."""

    def __init__(
        self,
        *,
        zygote: Sequence[str] = zygote_client.ZYGOTE,
        limits_for: Callable[[int], ResourceLimits] = resource_limits.for_mapping_query,
    ) -> None:
        super().__init__(zygote)
        self._limits_for = limits_for

    def ask_mapping(
        self, mapping: Path, asked: MappingQuery, paper: Path
    ) -> MappingResult:
        """Do what `retracing.ask` does."""
        try:
            allowed = self._limits_for(mapping.stat().st_size)
            paper.write_bytes(spill_files.query_to_json(asked))
        except OSError as e:
            raise SandboxUnavailable("it cannot be read") from e
        request = {
            "path": protocol.from_path(mapping),
            "name": mapping.name,
            "limits": dataclasses.asdict(allowed),
            "errand": {"paper": protocol.from_path(paper)},
        }
        match self.ask(request, allowed.wall_seconds):
            case {"answered": True}:
                return _answers(asked, paper)
            case {"refused": str(text)}:
                raise NotADebugFile(text)
            case _:
                raise zygote_client.protocol_error()


def _answers(asked: MappingQuery, paper: Path) -> MappingResult:
    try:
        with paper.open("rb") as file:
            said = file.read(resource_limits.LONGEST_ANSWERS_BYTES + 1)
    except OSError as e:
        raise SandboxUnavailable("its answers cannot be read") from e
    if len(said) > resource_limits.LONGEST_ANSWERS_BYTES:
        raise NotADebugFile("This mapping answers without end.")
    try:
        return spill_files.result_from_json(asked, said)
    except protocol.InvalidMessage as e:
        raise zygote_client.protocol_error() from e


_OF_THIS_PROCESS_retracing = Retracer()
atexit.register(_OF_THIS_PROCESS_retracing.close)
