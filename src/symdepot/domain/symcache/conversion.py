"""Conversion of debug files to symcaches: which objects, and the result."""

from dataclasses import dataclass

from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile

CONVERTIBLE_FORMATS = frozenset(
    {Format.BREAKPAD, Format.ELF, Format.MACHO, Format.PDB, Format.PE, Format.WASM}
)
"""Formats that symbolic converts. Methods in portable PDBs have no addresses."""
_NAME_FEATURES = frozenset({"debug", "symtab"})


@dataclass(frozen=True, slots=True)
class ObjectSelector:
    """An object of a file. Only the UUID of its debug id counts, not the age."""

    debug_id: DebugId
    arch: str


@dataclass(frozen=True, slots=True)
class SymCacheWritten:
    """A symcache was written. `symbols_only`: from a symbol table, without lines."""

    symbols_only: bool


@dataclass(frozen=True, slots=True)
class ConversionFailed:
    """Why no symcache can be created.

    `crashed_parser`: the process that tried crashed or exceeded its limits.
    """

    reason: str
    crashed_parser: bool = False


type Conversion = SymCacheWritten | ConversionFailed


def is_convertible(o: ObjectFile) -> bool:
    """Return whether a symcache of this object would contain functions.

    Source: spec/sentry-server 6; symbolic 13.9 for each format.
    """
    return o.format in CONVERTIBLE_FORMATS and not o.features.isdisjoint(_NAME_FEATURES)
