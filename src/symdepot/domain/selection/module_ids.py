"""Which of the files that are kept are those of a module that somebody names by its ids."""

from collections.abc import Sequence
from dataclasses import dataclass

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile

_WHOLE = frozenset({Format.ELF, Format.MACHO, Format.WASM})
_TEXTUAL = frozenset({Format.BREAKPAD})
_COMPANION = "dbg"
_BY_CODE_ID = 1 << 40
"""Farther than any age is from another."""


@dataclass(frozen=True, slots=True)
class ModuleIds:
    """The ids of a module, as far as they are known; a nil id is as good as none.

    `is_windows`: its debug information is a PDB, be there an age in the id or not.
    """

    debug_id: DebugId | None
    code_id: CodeId | None
    is_windows: bool = False

    @classmethod
    def known(
        cls,
        debug_id: DebugId | None,
        code_id: CodeId | None,
        *,
        is_elf: bool = False,
        is_windows: bool = False,
    ) -> "ModuleIds":
        """Return the ids without a nil one; that of an ELF file follows from its build id.

        >>> str(ModuleIds.known(None, CodeId("ab" * 20), is_elf=True).debug_id)
        'abababab-abab-abab-abab-abababababab'
        """
        if debug_id is not None and debug_id.uuid.int == 0:
            debug_id = None
        if debug_id is None and code_id is not None and is_elf:
            debug_id = DebugId.of_build_id(code_id)
        return cls(debug_id, code_id, is_windows)

    def __bool__(self) -> bool:
        return self.debug_id is not None or self.code_id is not None

    def distance(self, o: ObjectFile) -> int | None:
        """Return how far the ids of a file are from these; None if it is another's.

        Of a PDB a later age describes the same program, too. A code id counts where
        it is a build id or a UUID, or where there is nothing else to go by: two
        Windows programs may share one, which is no more than a date and a size.

        Source: spec/serving 2.1, 4.1 and 7, rows 5 and 16.
        """
        wanted = self.debug_id
        if wanted is not None and wanted.uuid == o.debug_id.uuid:
            apart = _apart(wanted, o)
            if apart is not None:
                return apart
        is_enough = o.format in _WHOLE or wanted is None
        if self.code_id is not None and o.code_id == self.code_id and is_enough:
            return _BY_CODE_ID
        return None


def _apart(wanted: DebugId, o: ObjectFile) -> int | None:
    """Return how many ages a file of the same UUID is from the one that is wanted."""
    later = o.debug_id.age - wanted.age
    if later == 0 or (o.format is Format.PDB and later > 0):
        return later
    return 1 if o.format is Format.PORTABLE_PDB else None


def rank(ids: ModuleIds, newest_first: Sequence[ObjectFile]) -> list[int]:
    """Return the places of the files of a module, best for symbolication first.

    Debug information comes before a mere symbol table, what compilers wrote before
    what was made of it (Breakpad), the nearest id before others, a companion before a
    program, and the newest first where nothing else decides.

    Source: spec/serving 4.5, "objects ranked".
    """
    near = {
        place: distance
        for place, o in enumerate(newest_first)
        if (distance := ids.distance(o)) is not None
    }
    return sorted(near, key=lambda place: _faults(newest_first[place], near[place]))


def has_age(ids: ModuleIds) -> bool:
    """Say whether files of another age may serve: only PDBs have one."""
    return ids.debug_id is not None and (ids.is_windows or ids.debug_id.age > 0)


def _faults(o: ObjectFile, distance: int) -> tuple[bool, bool, int, bool]:
    """Return what is to be said against a file, the weightiest first."""
    return (
        "debug" not in o.features,
        o.format in _TEXTUAL,
        distance,
        o.kind != _COMPANION,
    )
