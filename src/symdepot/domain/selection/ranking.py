"""Chooses among files of one id: which are redundant, and which serves a query best.

Source: spec/serving 1.9.
"""

from collections.abc import Sequence

from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection.file_query import (
    HAS_FULL_CODE_ID,
    AgeMatch,
    FileQuery,
    FileRole,
)

COMPANION = "dbg"
"""The kind of a debug companion, made by `objcopy --only-keep-debug` or the like."""

_KINDS_WITHOUT_PROGRAM = frozenset({COMPANION, "dump", "rel", "src"})
_PROGRAM_FORMATS = HAS_FULL_CODE_ID | {Format.PE}
_FEATURE_TEXTS = (
    ("debug", "debug information"),
    ("symtab", "a symbol table"),
    ("unwind", "unwind information"),
    ("sources", "sources"),
    ("mapping", "a mapping of names"),
)


def redundant(newest_first: Sequence[ObjectFile]) -> list[int]:
    """Return the indexes of the files that newer ones make redundant.

    All are of one debug id, format and architecture: Breakpad must not replace DWARF or
    PDB. The newest stays. An older file is redundant if the newer files that stay have all
    of its features together. A debug companion has no program, so it never makes a
    program redundant. Of a format without features only the newest stays.

    Source: spec/sentry-server 2.10 and 10 (item 8).
    """
    stay: list[ObjectFile] = []
    redundant_indexes = []
    for index, candidate in enumerate(newest_first):
        if _is_covered(candidate, stay):
            redundant_indexes.append(index)
        else:
            stay.append(candidate)
    return redundant_indexes


def best_match(newest_first: Sequence[ObjectFile], query: FileQuery) -> int | None:
    """Return the index of the file that serves `query` best; None if none does.

    The nearest id is best; then DWARF before a symbol table for debug information; then
    for executables the smaller file without DWARF, and for debug information the
    companion; then the name, and the newest.
    """
    keys = [
        (_sort_key(candidate, query), index)
        for index, candidate in enumerate(newest_first)
        if query.matches(candidate) and can_serve(candidate, query.role)
    ]
    return min(keys)[1] if keys else None


def can_serve(candidate: ObjectFile, role: FileRole) -> bool:
    """Return whether a file can serve a role, if there is no better one.

    A companion is no executable: it lacks the code, and a debugger would show garbage.
    Nor is a relocatable file, as a kernel module or what dwz shares between files. A
    program with only a symbol table is no debug information.
    """
    if candidate.format not in HAS_FULL_CODE_ID:
        return True
    match role:
        case FileRole.EXECUTABLE:
            return candidate.kind not in _KINDS_WITHOUT_PROGRAM
        case FileRole.DEBUGINFO:
            is_companion = candidate.kind == COMPANION
            features = candidate.features
            return "debug" in features or ("symtab" in features and is_companion)
        case _:
            return False


def describe_content(o: ObjectFile) -> str:
    """Return the content of a file in words.

    >>> from symdepot.domain.ids import DebugId
    >>> from uuid import UUID
    >>> features = frozenset({"unwind", "symtab"})
    >>> nil = DebugId(UUID(int=0))
    >>> describe_content(ObjectFile(Format.ELF, "exe", "x86", nil, None, features, "a"))
    'a program, a symbol table and unwind information'
    """
    words = [text for feature, text in _FEATURE_TEXTS if feature in o.features]
    if o.format in _PROGRAM_FORMATS and not lacks_program(o):
        words.insert(0, "a program")
    if not o.format.has_features:
        words = [f"a {o.format}"]
    *others, last = words or ["nothing of use"]
    return f"{', '.join(others)} and {last}" if others else last


def has_lines(o: ObjectFile) -> bool:
    """Return whether a file has functions, files and lines, or original names."""
    return not o.format.has_features or bool(o.features & {"debug", "mapping"})


def lacks_program(o: ObjectFile) -> bool:
    """Return whether a file has a format of programs, but no program."""
    return o.format in _PROGRAM_FORMATS and o.kind in _KINDS_WITHOUT_PROGRAM


def _is_covered(candidate: ObjectFile, stay: Sequence[ObjectFile]) -> bool:
    is_companion = candidate.kind == COMPANION
    rivals = [newer for newer in stay if is_companion or newer.kind != COMPANION]
    features = frozenset[str]().union(*(newer.features for newer in rivals))
    return bool(rivals) and candidate.features <= features


def _sort_key(candidate: ObjectFile, query: FileQuery) -> tuple[int, ...]:
    """Return the faults of `candidate`, the most important first."""
    has_dwarf = "debug" in candidate.features
    if query.role is FileRole.EXECUTABLE:
        poor, large = 0, int(has_dwarf)
    else:
        poor, large = int(not has_dwarf), int(candidate.kind != COMPANION)
    is_other_name = int(candidate.name.lower() != query.name.lower())
    return _distance(candidate, query), poor, large, is_other_name


def _distance(candidate: ObjectFile, query: FileQuery) -> int:
    """Return the distance from the wanted id: in ages, or the index of the code id."""
    if query.age is AgeMatch.ANY:
        return 0
    if candidate.code_id is not None and candidate.code_id in query.code_ids:
        return query.code_ids.index(candidate.code_id)
    wanted = [one for one in query.debug_ids if one.uuid == candidate.debug_id.uuid]
    return abs(candidate.debug_id.age - wanted[0].age)
