"""Conversion of debug files to symcaches: which objects, and the result."""

from dataclasses import dataclass

from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile

CONVERTIBLE_FORMATS = frozenset(
    {Format.BREAKPAD, Format.ELF, Format.MACHO, Format.PDB, Format.PE, Format.WASM}
)
"""Formats that symbolic converts. Methods in portable PDBs have no addresses."""
RELOCATABLE = (
    "The file is relocatable, as kernel modules and .o files are: its sections have no "
    "addresses before they are loaded or linked."
)
"""Why a relocatable object names no functions by address."""
_NAME_FEATURES = frozenset({"debug", "symtab"})
_RELOCATABLE_KIND = "rel"


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
    """Return whether a symcache of this object would name functions by address.

    Source: spec/sentry-server 6; symbolic 13.9 for each format.
    """
    has_names = not o.features.isdisjoint(_NAME_FEATURES)
    return o.format in CONVERTIBLE_FORMATS and has_names and not is_relocatable(o)


def is_relocatable(o: ObjectFile) -> bool:
    """Return whether each section starts at 0: ELF's `ET_REL`, Mach-O's `MH_OBJECT`.

    An address in such an object names no function: several sections contain it.

    Source: ELF gABI, `e_type` and `sh_addr`; symbolic's `ObjectKind::Relocatable`.
    """
    return o.kind == _RELOCATABLE_KIND
