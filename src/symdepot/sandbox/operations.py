"""The operations on untrusted files: inspect, convert to a symcache, query a mapping.

Each returns or raises, whatever the file does to the child that parses it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from symdepot.domain.errors import NotADebugFile, ParserDied, SandboxUnavailable
from symdepot.domain.formats import elf_headers
from symdepot.domain.jvm.retrace import MappingQuery, MappingResult
from symdepot.domain.objects import ObjectFile
from symdepot.domain.symcache.conversion import (
    Conversion,
    ConversionFailed,
    ObjectSelector,
    SymCacheWritten,
)
from symdepot.sandbox import (
    mapping_query_json,
    protocol,
    resource_limits,
    zygote_client,
)
from symdepot.sandbox.protocol import SandboxRequest
from symdepot.sandbox.resource_limits import ResourceLimits
from symdepot.sandbox.zygote_client import ZygoteClient


class Sandbox(ZygoteClient):
    """Performs operations in children of a zygote of its own, which starts on first use.

    One at a time; others wait. `limits` replace those that depend on the size of the
    file. All operations raise

    * `ParserDied`: parsing the file ended the child, and would again,
    * `SandboxUnavailable`: there was no child, or a file cannot be read or written; retry.
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
        """Return the objects in the file at `path`, which its client calls `name`.

        Takes some milliseconds, and 100 ms more for the first file in each process.

        Raises:
            NotADebugFile: the format is unknown or the file is invalid.
        """
        with _os_errors_as_unavailable():
            limits = self._limits or resource_limits.for_inspection(path.stat().st_size)
        match self.perform(SandboxRequest("inspect", path, name, limits)):
            case {"objects": list(objects)}:
                with _invalid_messages_as_death():
                    return [protocol.object_from_json(o) for o in objects]
            case {"refused": str(text)}:
                raise NotADebugFile(text)
        raise zygote_client.invalid_response()

    def convert(self, path: Path, selector: ObjectSelector, target: Path) -> Conversion:
        """Write the symcache of one object in `path` to the existing file `target`.

        Takes minutes if the file is large. A child that died or exceeded its limits is a
        `ConversionFailed` instead of `ParserDied`. The target is valid only after
        `SymCacheWritten`.
        """
        with _os_errors_as_unavailable():
            limits = self._limits or resource_limits.for_conversion(
                path.stat().st_size, elf_headers.decompressed_size(path)
            )
        object_key = str(selector.debug_id), selector.arch
        request = SandboxRequest(
            "convert", path, path.name, limits, target, *object_key
        )
        try:
            match self.perform(request):
                case {"written": {"symbols_only": bool(symbols_only)}}:
                    return SymCacheWritten(symbols_only)
                case {"failed": str(reason), "crashed_parser": bool(crashed_parser)}:
                    return ConversionFailed(reason, crashed_parser)
            raise zygote_client.invalid_response()
        except ParserDied as e:
            return ConversionFailed(str(e), crashed_parser=True)

    def query_mapping(
        self, path: Path, query: MappingQuery, spill_file: Path
    ) -> MappingResult:
        """Query the mapping at `path`; `spill_file` is an existing file to overwrite.

        Takes 10 ms, or 0.2 s for 100 MB.

        Raises:
            NotADebugFile: the mapping is invalid, or its result is too large.
        """
        with _os_errors_as_unavailable():
            limits = self._limits or resource_limits.for_mapping_query(
                path.stat().st_size
            )
            spill_file.write_bytes(mapping_query_json.query_to_json(query))
        request = SandboxRequest("query_mapping", path, path.name, limits, spill_file)
        match self.perform(request):
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
        raise NotADebugFile(mapping_query_json.RESULT_TOO_LARGE)
    with _invalid_messages_as_death():
        return mapping_query_json.result_from_json(query, content)


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


_inspection, _mapping_queries = Sandbox(), Sandbox()
_conversion = Sandbox(
    # With two cores busy with an upload, a conversion gets a seventieth of one.
    niceness=19,
    # Large pages: 7,000 page faults instead of 27,000 for 77 MB of ELF.
    # Source: the glibc manual, "Memory Allocation Tunables".
    environment={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
)
inspect, warm_up = _inspection.inspect, _inspection.warm_up
convert, stop_conversion = _conversion.convert, _conversion.close
query_mapping = _mapping_queries.query_mapping
