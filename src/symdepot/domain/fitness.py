"""Which of several files serves best what somebody asks for.

Source: spec/serving 1.9.
"""

from collections.abc import Sequence

from symdepot.domain.asked import Age, Asked, Role
from symdepot.domain.objects import Format, ObjectFile

_NATIVE = frozenset({Format.ELF, Format.MACHO, Format.WASM})
_COMPANION = "dbg"
_NO_PROGRAM = frozenset({_COMPANION, "dump", "src"})


def best(newest_first: Sequence[ObjectFile], asked: Asked) -> int | None:
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
        if asked.means(candidate) and serves(candidate, asked.role)
    ]
    if not places:
        return None
    return min(places, key=lambda place: (_faults(newest_first[place], asked), place))


def serves(candidate: ObjectFile, role: Role) -> bool:
    """Say whether a file, be there no better one, can be given out in this role."""
    if candidate.format not in _NATIVE:
        return True
    match role:
        case Role.EXECUTABLE:
            return candidate.kind not in _NO_PROGRAM
        case Role.DEBUGINFO:
            has_table = "symtab" in candidate.features
            return "debug" in candidate.features or (
                has_table and candidate.kind == _COMPANION
            )
        case _:
            return False


def _faults(candidate: ObjectFile, asked: Asked) -> tuple[int, ...]:
    """Return what is to be said against `candidate`, the weightiest first."""
    has_dwarf = "debug" in candidate.features
    if asked.role is Role.EXECUTABLE:
        poor, large = 0, int(has_dwarf)
    else:
        poor, large = int(not has_dwarf), int(candidate.kind != _COMPANION)
    return (
        _distance(candidate, asked),
        poor,
        large,
        int(candidate.name.lower() != asked.name.lower()),
    )


def _distance(candidate: ObjectFile, asked: Asked) -> int:
    """Return how far its id is from the one asked for: how many ages, or places."""
    if asked.age is Age.ANY:
        return 0
    if candidate.code_id is not None and candidate.code_id in asked.code_ids:
        return asked.code_ids.index(candidate.code_id)
    wanted = [one for one in asked.debug_ids if one.uuid == candidate.debug_id.uuid]
    return abs(candidate.debug_id.age - wanted[0].age)
