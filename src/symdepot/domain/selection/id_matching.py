"""Matches stored files to the debug id and code id of a module, best first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection.file_query import HAS_FULL_CODE_ID, has_program_name
from symdepot.domain.selection.ranking import COMPANION

_CODE_ID_DISTANCE = 1 << 40
"""More than the distance of any two ages."""


@dataclass(frozen=True, slots=True)
class ModuleIds:
    """The known ids of a module.

    `is_windows`: its debug information is a PDB, even if the id has no age. `program`:
    the name of the program, if its code id is all that is known.
    """

    debug_id: DebugId | None
    code_id: CodeId | None
    is_windows: bool = False
    program: str = ""

    @classmethod
    def known(
        cls,
        debug_id: DebugId | None,
        code_id: CodeId | None,
        *,
        is_elf: bool = False,
        is_windows: bool = False,
        program: str = "",
    ) -> "ModuleIds":
        """Return the ids; drops a nil debug id, and derives that of ELF from the build id.

        >>> str(ModuleIds.known(None, CodeId("ab" * 20), is_elf=True).debug_id)
        'abababab-abab-abab-abab-abababababab'
        """
        if debug_id is not None and debug_id.uuid.int == 0:
            debug_id = None
        if debug_id is None and code_id is not None and is_elf:
            debug_id = DebugId.of_build_id(code_id)
        return cls(debug_id, code_id, is_windows, "" if debug_id else program)

    def __bool__(self) -> bool:
        return self.debug_id is not None or self.code_id is not None

    def distance(self, o: ObjectFile) -> int | None:
        """Return how far the ids of a file are from these; None if they do not match.

        A later age of a PDB matches, too. A code id counts if it is a build id or UUID,
        or if there is no debug id: two Windows programs may have the same code id,
        which is a date and a size. Without a debug id their names must match, too.

        Source: spec/serving 2.1, 4.1 and 7, rows 5 and 16.
        """
        wanted = self.debug_id
        if wanted is not None and wanted.uuid == o.debug_id.uuid:
            distance = _age_distance(wanted, o)
            if distance is not None:
                return distance
        is_enough = o.format in HAS_FULL_CODE_ID or (
            wanted is None and has_program_name(o, self.program)
        )
        if self.code_id is not None and o.code_id == self.code_id and is_enough:
            return _CODE_ID_DISTANCE
        return None

    def completed(self, found: Iterable[ObjectFile]) -> "ModuleIds | None":
        """Return these ids with the debug id that a found file with the code id has.

        The debug directory of a PE file has the id of its PDB. None if the debug id is
        known, or if no file has one.
        """
        if self.debug_id is not None:
            return None
        debug_ids = (o.debug_id for o in found if o.debug_id.uuid.int)
        debug_id = next(debug_ids, None)
        return None if debug_id is None else replace(self, debug_id=debug_id)


def _age_distance(wanted: DebugId, o: ObjectFile) -> int | None:
    """Return the distance in ages of a file of the same UUID; None if it does not match."""
    later = o.debug_id.age - wanted.age
    if later == 0 or (o.format is Format.PDB and later > 0):
        return later
    return 1 if o.format is Format.PORTABLE_PDB else None


def rank(ids: ModuleIds, newest_first: Sequence[ObjectFile]) -> list[int]:
    """Return the indexes of the files of a module, best for symbolication first.

    None if several Windows programs have the code id, and there is no debug id. Debug information is better than a symbol table, then any format better than Breakpad,
    which is derived; then the nearest id, a companion than a program, and the newest.

    Source: spec/serving 4.5, "objects ranked".
    """
    matching = [
        (o, distance, index)
        for index, o in enumerate(newest_first)
        if (distance := ids.distance(o)) is not None
    ]
    if ids.debug_id is None:
        uuid = _only_uuid([o for o, _, _ in matching])
        matching = [one for one in matching if _is_of_build(one[0], uuid)]
    keys = [(_sort_key(o, distance), index) for o, distance, index in matching]
    return [index for _, index in sorted(keys)]


def has_age(ids: ModuleIds) -> bool:
    """Return whether files of other ages may match: only PDBs have ages."""
    return ids.debug_id is not None and (ids.is_windows or ids.debug_id.age > 0)


def _only_uuid(matching: Sequence[ObjectFile]) -> UUID | None:
    """Return the UUID of the PE files, else of others with their code id; None: several."""
    programs = [o for o in matching if o.format is Format.PE]
    uuids = {o.debug_id.uuid for o in programs or matching}
    return next(iter(uuids)) if len(uuids) == 1 else None


def _is_of_build(o: ObjectFile, uuid: UUID | None) -> bool:
    return o.format in HAS_FULL_CODE_ID or o.debug_id.uuid == uuid


def _sort_key(o: ObjectFile, distance: int) -> tuple[bool, bool, int, bool]:
    """Return the faults of a file, the most important first."""
    is_derived = o.format is Format.BREAKPAD
    return "debug" not in o.features, is_derived, distance, o.kind != COMPANION
