"""Which file somebody asks for, in whatever protocol or layout they ask."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile

_WHOLE = frozenset({Format.ELF, Format.MACHO, Format.WASM})


class FileRole(StrEnum):
    """What a file is wanted for; the words are those of the unified layout."""

    EXECUTABLE = "executable"
    DEBUGINFO = "debuginfo"
    BREAKPAD = "breakpad"
    SOURCES = "sourcebundle"
    MAPPING = "mapping"


class AgeMatch(Enum):
    """Which ages answer to a debug id.

    A PDB's age grows each time that it is written, and the newer one still describes
    the program; of portable PDBs the id's last part is no age at all.

    Source: spec/serving 2.1.
    """

    EXACT = "exact"
    AT_LEAST = "at least"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class FileQuery:
    """The file that somebody asks for: in this role, of one of these formats and ids.

    Code ids stand in the order in which they are preferred. `name` is what the client
    calls the file; it decides only where ids leave a choice.
    """

    role: FileRole
    formats: frozenset[Format]
    code_ids: tuple[CodeId, ...] = ()
    debug_ids: tuple[DebugId, ...] = ()
    age: AgeMatch = AgeMatch.EXACT
    name: str = ""

    def means(self, candidate: ObjectFile) -> bool:
        """Say whether this is a file of the format and id that are asked for.

        A program of Unix is known by its code id wherever code ids are asked for, and
        not by its debug id, which has only the first half of a build id in it.
        """
        if candidate.format not in self.formats:
            return False
        if candidate.code_id in self.code_ids:
            return True
        if self.code_ids and candidate.code_id and candidate.format in _WHOLE:
            return False
        return any(self._is(wanted, candidate.debug_id) for wanted in self.debug_ids)

    def _is(self, wanted: DebugId, found: DebugId) -> bool:
        if found.uuid != wanted.uuid:
            return False
        match self.age:
            case AgeMatch.EXACT:
                return found.age == wanted.age
            case AgeMatch.AT_LEAST:
                return found.age >= wanted.age
            case AgeMatch.ANY:
                return True
