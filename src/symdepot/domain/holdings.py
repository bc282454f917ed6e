"""What a debug file holds, in words, and what may be got from it."""

from symdepot.domain.objects import Format, ObjectFile

_WORDS = (
    ("debug", "debug information"),
    ("symtab", "a symbol table"),
    ("unwind", "unwind information"),
    ("sources", "sources"),
    ("mapping", "a mapping of names"),
)
_WHOLE = frozenset({Format.ELF, Format.MACHO, Format.PE, Format.WASM})
_COMPANIONS = frozenset({"dbg", "dump", "src"})


def held(o: ObjectFile) -> str:
    """Say what a file holds.

    >>> from symdepot.domain.ids import DebugId
    >>> from uuid import UUID
    >>> features = frozenset({"unwind", "symtab"})
    >>> nil = DebugId(UUID(int=0))
    >>> held(ObjectFile(Format.ELF, "exe", "x86", nil, None, features, "a"))
    'a program, a symbol table and unwind information'
    """
    words = [words for feature, words in _WORDS if feature in o.features]
    if o.format in _WHOLE and not lacks_program(o):
        words.insert(0, "a program")
    if not o.format.tells_features:
        words = [f"a {o.format}"]
    *others, last = words or ["nothing of use"]
    return f"{', '.join(others)} and {last}" if others else last


def tells_lines(o: ObjectFile) -> bool:
    """Whether functions, files and lines, or real names, can be got from a file."""
    return not o.format.tells_features or bool(o.features & {"debug", "mapping"})


def lacks_program(o: ObjectFile) -> bool:
    """Whether a file is of a format of programs, and the program was left out."""
    return o.format in _WHOLE and o.kind in _COMPANIONS
