"""The query for a file, whatever the protocol or layout."""

import re
from dataclasses import dataclass
from enum import Enum, StrEnum

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile

HAS_FULL_CODE_ID = frozenset({Format.ELF, Format.MACHO, Format.WASM})
"""Formats whose code id identifies a build. That of PE is only a date and a size."""

_UNKNOWN_NAMES = frozenset({"", "executable"})


def has_program_name(o: ObjectFile, name: str) -> bool:
    """Return whether a file with a wanted code id is the program of this name.

    Two PE files may have one code id, so the name must match, too, in any case. Other
    formats match by any name. So does a query without a name, and a file whose name is
    not known: in Symbolicator's unified layout all programs are called `executable`.

    Source: spec/serving 2.1 and 7, row 16.
    """
    if o.format is not Format.PE:
        return True
    known, wanted = re.split(r"[/\\]", o.name)[-1].lower(), name.lower()
    return known == wanted or known in _UNKNOWN_NAMES or not wanted


class FileRole(StrEnum):
    """What a file is wanted for, by the names of the unified layout."""

    EXECUTABLE = "executable"
    DEBUGINFO = "debuginfo"
    BREAKPAD = "breakpad"
    SOURCES = "sourcebundle"
    MAPPING = "mapping"


class AgeMatch(Enum):
    """Which ages match a debug id.

    The age of a PDB grows each time that it is written, and a newer one still describes
    the program. The last part of the id of a portable PDB is not an age.

    Source: spec/serving 2.1.
    """

    EXACT = "exact"
    AT_LEAST = "at least"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class FileQuery:
    """A wanted file: its role, and its possible formats and ids.

    `code_ids`: preferred ones first. `name`: the client's name of the file. It decides
    between files that match equally well; of PE files it is a part of the code id.
    """

    role: FileRole
    formats: frozenset[Format]
    code_ids: tuple[CodeId, ...] = ()
    debug_ids: tuple[DebugId, ...] = ()
    age: AgeMatch = AgeMatch.EXACT
    name: str = ""

    def matches(self, candidate: ObjectFile) -> bool:
        """Return whether a file has one of the formats and ids.

        If a code id is given, ELF, Mach-O and Wasm are matched by it alone: the debug id
        of an ELF file has only the first 16 bytes of its build id.
        """
        if candidate.format not in self.formats:
            return False
        if candidate.code_id in self.code_ids and has_program_name(
            candidate, self.name
        ):
            return True
        if self.code_ids and candidate.code_id and candidate.format in HAS_FULL_CODE_ID:
            return False
        return any(
            self._matches_debug_id(wanted, candidate.debug_id)
            for wanted in self.debug_ids
        )

    def _matches_debug_id(self, wanted: DebugId, found: DebugId) -> bool:
        if found.uuid != wanted.uuid:
            return False
        match self.age:
            case AgeMatch.EXACT:
                return found.age == wanted.age
            case AgeMatch.AT_LEAST:
                return found.age >= wanted.age
            case AgeMatch.ANY:
                return True
