"""The operations on untrusted files: inspect, convert to a symcache, query a mapping.

Each returns or raises, whatever the file does to the child that parses it.
"""

import atexit
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from symdepot.sandbox.protocol import (
    ConvertObject,
    InspectFile,
    QueryMapping,
    SandboxRequest,
)
from symdepot.sandbox.resource_limits import ResourceLimits
from symdepot.sandbox.zygote_client import ZygoteClient

_CONVERSION_NICENESS = 19
"""With two cores busy with an upload, a conversion gets a seventieth of one."""

_CONVERSION_ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""Large pages: 7,000 page faults instead of 27,000 for 77 MB of ELF.

Source: the glibc manual, "Memory Allocation Tunables".
"""


def inspect(path: Path, *, name: str) -> list[ObjectFile]:
    """Return the objects in the file at `path`, which its client calls `name`.

    One file at a time; others wait. Takes some milliseconds, and 100 ms more for the
    first file in each process.

    Raises:
        NotADebugFile: the format is unknown or the file is invalid.
        ParserDied: parsing it ended the child, and would again.
        SandboxUnavailable: there was no child, or the file cannot be read; retry.
    """
    return _inspection.inspect(path, name=name)


def warm_up() -> None:
    """Start the zygote for inspections now instead of with the first file.

    Raises:
        SandboxUnavailable: it could not be started; `inspect` would try again.
    """
    _inspection.warm_up()


def convert(path: Path, selector: ObjectSelector, target: Path) -> Conversion:
    """Write the symcache of one object in `path` to the existing file `target`.

    One at a time; others wait, for minutes if a file is large. A child that died or
    exceeded its limits is a `ConversionFailed`. The target is valid only after
    `SymCacheWritten`.

    Raises:
        SandboxUnavailable: there was no child, or a file cannot be read or written;
            retry.
    """
    return _conversion.convert(path, selector, target)


def stop_conversion() -> None:
    """Stop the running conversion, which fails with `SandboxUnavailable`."""
    _conversion.close()


def use_for_conversion(sandbox: "Sandbox") -> None:
    """Replace the sandbox for conversions, such as by one of normal priority."""
    global _conversion  # noqa: PLW0603 -- one per process, like the others
    _conversion.close()
    _conversion = sandbox


def query_mapping(path: Path, query: MappingQuery, spill_file: Path) -> MappingResult:
    """Query the mapping at `path`; `spill_file` is an existing file to overwrite.

    One mapping at a time; others wait: 10 ms, or 0.2 s for 100 MB.

    Raises:
        NotADebugFile: the mapping is invalid, or its result is too large.
        ParserDied: parsing it ended the child, and would again.
        SandboxUnavailable: there was no child, or the file cannot be read; retry.
    """
    return _mapping_queries.query_mapping(path, query, spill_file)


class Sandbox(ZygoteClient):
    """Performs operations in children of a zygote of its own, which starts on first use.

    `limits` replace those that depend on the size of the file.
    """

    def __init__(
        self,
        *,
        zygote: Sequence[str] = zygote_client.ZYGOTE,
        niceness: int = 0,
        environment: Mapping[str, str] = zygote_client.NO_VARIABLES,
        limits: ResourceLimits | None = None,
    ) -> None:
        super().__init__(zygote, niceness, environment)
        self._limits = limits

    def inspect(self, path: Path, *, name: str) -> list[ObjectFile]:
        """See `operations.inspect`."""
        with _os_errors_as_unavailable():
            limits = self._limits or resource_limits.for_inspection(path.stat().st_size)
        request = SandboxRequest(path, name, limits, InspectFile())
        match self.perform(request):
            case {"objects": list(objects)}:
                with _invalid_messages_as_death():
                    return [protocol.object_from_json(o) for o in objects]
            case {"refused": str(text)}:
                raise NotADebugFile(text)
        raise zygote_client.invalid_response()

    def convert(self, path: Path, selector: ObjectSelector, target: Path) -> Conversion:
        """See `operations.convert`."""
        with _os_errors_as_unavailable():
            limits = self._limits or resource_limits.for_conversion(
                path.stat().st_size, elf.decompressed_size(path)
            )
        operation = ConvertObject(selector, target)
        try:
            response = self.perform(SandboxRequest(path, path.name, limits, operation))
        except ParserDied as e:
            return ConversionFailed(str(e), crashed_parser=True)
        match response:
            case {"written": {"symbols_only": bool(symbols_only)}}:
                return SymCacheWritten(symbols_only)
            case {"failed": str(reason), "crashed_parser": bool(crashed_parser)}:
                return ConversionFailed(reason, crashed_parser)
        reason = str(zygote_client.invalid_response())
        return ConversionFailed(reason, crashed_parser=True)

    def query_mapping(
        self, path: Path, query: MappingQuery, spill_file: Path
    ) -> MappingResult:
        """See `operations.query_mapping`."""
        with _os_errors_as_unavailable():
            limits = self._limits or resource_limits.for_mapping_query(
                path.stat().st_size
            )
            spill_file.write_bytes(spill_files.query_to_json(query))
        operation = QueryMapping(spill_file)
        match self.perform(SandboxRequest(path, path.name, limits, operation)):
            case {"answered": True}:
                return _read_result(query, spill_file)
            case {"refused": str(text)}:
                raise NotADebugFile(text)
        raise zygote_client.invalid_response()


def _read_result(query: MappingQuery, spill_file: Path) -> MappingResult:
    with (
        _os_errors_as_unavailable("its answers cannot be read"),
        spill_file.open("rb") as file,
    ):
        content = file.read(resource_limits.MAX_RESULT_BYTES + 1)
    if len(content) > resource_limits.MAX_RESULT_BYTES:
        raise NotADebugFile(spill_files.RESULT_TOO_LARGE)
    with _invalid_messages_as_death():
        return spill_files.result_from_json(query, content)


@contextmanager
def _os_errors_as_unavailable(reason: str = "it cannot be read") -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise SandboxUnavailable(reason) from e


@contextmanager
def _invalid_messages_as_death() -> Iterator[None]:
    try:
        yield
    except protocol.InvalidMessage as e:
        raise zygote_client.invalid_response() from e


_inspection = Sandbox()
_mapping_queries = Sandbox()
_conversion = Sandbox(
    niceness=_CONVERSION_NICENESS, environment=_CONVERSION_ENVIRONMENT
)


@atexit.register
def _close_all() -> None:
    for sandbox in (_inspection, _mapping_queries, _conversion):
        sandbox.close()
