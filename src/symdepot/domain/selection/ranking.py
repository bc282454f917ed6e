"""Which of several files for one id to keep beside each other, and which to use.

Which of several files serves best what somebody asks for.

Source: spec/serving 1.9.

What a debug file holds, in words, and what may be got from it.
"""

from collections.abc import Sequence

from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection.file_query import AgeMatch, FileQuery, FileRole

_COMPANIONS = frozenset({"dbg"})


def redundant(newest_first: Sequence[ObjectFile]) -> list[int]:
    """Return the places of those that newer ones make superfluous.

    All are of one debug id, one format and one architecture; across those nothing is
    ever redundant, since a file of lower fidelity (Breakpad) must not displace one of
    higher (DWARF, PDB). The newest stays. An older one goes when the features of the
    newer ones that stay cover all of its own; a debug companion holds no program, so
    its features never count against a program's. Of a format that tells no features
    the newest is enough.

    Source: spec/sentry-server 2.10 and 10 (item 8).
    """
    stay: list[ObjectFile] = []
    superfluous = []
    for place, candidate in enumerate(newest_first):
        if _is_covered(candidate, stay):
            superfluous.append(place)
        else:
            stay.append(candidate)
    return superfluous


def _is_covered(candidate: ObjectFile, stay: Sequence[ObjectFile]) -> bool:
    rivals = [
        newer
        for newer in stay
        if candidate.kind in _COMPANIONS or newer.kind not in _COMPANIONS
    ]
    offered = frozenset[str]().union(*(newer.features for newer in rivals))
    return bool(rivals) and candidate.features <= offered


_NATIVE = frozenset({Format.ELF, Format.MACHO, Format.WASM})
_COMPANION = "dbg"
_NO_PROGRAM = frozenset({_COMPANION, "dump", "src"})


def best_match(newest_first: Sequence[ObjectFile], asked: FileQuery) -> int | None:
    """Return the place of the file that serves `asked` best; None if none does.

    As a program, never a companion made by `objcopy --only-keep-debug`: its code is
    left out, and a debugger would show garbage. As debug information, one with DWARF
    before one with a mere symbol table, in whatever order they came; a program whose
    symbol table was left in is no debug information. Then the id that is nearest to
    the one asked for, and the name; the newest only where nothing else decides.
    """
    places = [
        place
        for place, candidate in enumerate(newest_first)
        if asked.means(candidate) and can_serve(candidate, asked.role)
    ]
    if not places:
        return None
    return min(places, key=lambda place: (_faults(newest_first[place], asked), place))


def can_serve(candidate: ObjectFile, role: FileRole) -> bool:
    """Say whether a file, be there no better one, can be given out in this role."""
    if candidate.format not in _NATIVE:
        return True
    match role:
        case FileRole.EXECUTABLE:
            return candidate.kind not in _NO_PROGRAM
        case FileRole.DEBUGINFO:
            has_table = "symtab" in candidate.features
            return "debug" in candidate.features or (
                has_table and candidate.kind == _COMPANION
            )
        case _:
            return False


def _faults(candidate: ObjectFile, asked: FileQuery) -> tuple[int, ...]:
    """Return what is to be said against `candidate`, the weightiest first."""
    has_dwarf = "debug" in candidate.features
    if asked.role is FileRole.EXECUTABLE:
        poor, large = 0, int(has_dwarf)
    else:
        poor, large = int(not has_dwarf), int(candidate.kind != _COMPANION)
    return (
        _distance(candidate, asked),
        poor,
        large,
        int(candidate.name.lower() != asked.name.lower()),
    )


def _distance(candidate: ObjectFile, asked: FileQuery) -> int:
    """Return how far its id is from the one asked for: how many ages, or places."""
    if asked.age is AgeMatch.ANY:
        return 0
    if candidate.code_id is not None and candidate.code_id in asked.code_ids:
        return asked.code_ids.index(candidate.code_id)
    wanted = [one for one in asked.debug_ids if one.uuid == candidate.debug_id.uuid]
    return abs(candidate.debug_id.age - wanted[0].age)


_WORDS = (
    ("debug", "debug information"),
    ("symtab", "a symbol table"),
    ("unwind", "unwind information"),
    ("sources", "sources"),
    ("mapping", "a mapping of names"),
)
_WHOLE = frozenset({Format.ELF, Format.MACHO, Format.PE, Format.WASM})
_COMPANIONS_holdings = frozenset({"dbg", "dump", "src"})


def describe_content(o: ObjectFile) -> str:
    """Say what a file holds.

    >>> from symdepot.domain.ids import DebugId
    >>> from uuid import UUID
    >>> features = frozenset({"unwind", "symtab"})
    >>> nil = DebugId(UUID(int=0))
    >>> describe_content(ObjectFile(Format.ELF, "exe", "x86", nil, None, features, "a"))
    'a program, a symbol table and unwind information'
    """
    words = [words for feature, words in _WORDS if feature in o.features]
    if o.format in _WHOLE and not lacks_program(o):
        words.insert(0, "a program")
    if not o.format.tells_features:
        words = [f"a {o.format}"]
    *others, last = words or ["nothing of use"]
    return f"{', '.join(others)} and {last}" if others else last


def has_lines(o: ObjectFile) -> bool:
    """Whether functions, files and lines, or real names, can be got from a file."""
    return not o.format.tells_features or bool(o.features & {"debug", "mapping"})


def lacks_program(o: ObjectFile) -> bool:
    """Whether a file is of a format of programs, and the program was left out."""
    return o.format in _WHOLE and o.kind in _COMPANIONS_holdings
