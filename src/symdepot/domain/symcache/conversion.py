"""The words for making symcaches: of which objects, and what came of it."""

from dataclasses import dataclass

from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile

FORMATS = frozenset(
    {
        Format.BREAKPAD,
        Format.ELF,
        Format.MACHO,
        Format.PDB,
        Format.PE,
        Format.WASM,
    }
)
"""Of which symbolic makes symcaches. Portable PDBs have methods without addresses."""
_NAMING_FEATURES = frozenset({"debug", "symtab"})


@dataclass(frozen=True, slots=True)
class ObjectSelector:
    """Which object of a file: by its UUID, since ages differ by who is asked."""

    debug_id: DebugId
    arch: str


@dataclass(frozen=True, slots=True)
class SymCacheWritten:
    """A symcache was written; of a symbol table alone if `symbols_only`."""

    symbols_only: bool


@dataclass(frozen=True, slots=True)
class ConversionFailed:
    """No symcache can be made, and why.

    One that is `deadly` ended the process that tried, or went beyond its limits.
    """

    reason: str
    deadly: bool = False


type Conversion = SymCacheWritten | ConversionFailed


def is_convertible(o: ObjectFile) -> bool:
    """Whether a symcache of this object could name anything.

    Source: spec/sentry-server 6; what symbolic 13.9 makes of each format.
    """
    return o.format in FORMATS and not o.features.isdisjoint(_NAMING_FEATURES)
