"""How long a mangled name may become: an upper bound, found without demangling it.

Mangled names refer back to parts of themselves, and those parts to others. Where every
part holds the last one twice, 300 characters stand for gigabytes. Here each reference
counts for as much as all that was said before it was first made, which is no less than
what it stands for, and which for honest names stays small.
"""

import re
from collections.abc import Iterator

# Substitutions and template parameters; what repeats its operand for each member of a
# pack; where parameters get another meaning.
_ITANIUM = re.compile(
    r"(?P<reference>S[0-9A-Z]*_|T[L0-9A-Z_]*_)"
    r"|(?P<pack>D[pP]|s[pPZ]|f[lrLR])|(?P<later>cv)|(?P<scope>[IZU])"
)
_RUST = re.compile(r"B[0-9a-zA-Z]*_")
_SWIFT = re.compile(r"A[0-9]*([a-z]*)[A-Z_]|S[0-9A-Z]*_")
_NUMBER = re.compile(r"[0-9]+")
_LONGEST_NUMBER = 4
_SMALL = 1_000_000


def itanium_bound(name: str) -> int:
    """Return a bound for a name of the Itanium ABI, which all but Microsoft follow.

    Source: Itanium C++ ABI, "Mangling": substitutions number what came before them,
    for the whole name; template parameters, for the innermost template.

    >>> itanium_bound("_Z1f1AIS_S_E")
    96
    """
    if "J" not in name and "cv" not in name and _at_a_glance(name) <= _SMALL:
        return _at_a_glance(name)
    known: dict[str, int] = {}
    size = last = packs = references = later = 0
    inside = _InsideOfIdentifiers(name)
    for found in _ITANIUM.finditer(name):
        size, last = size + found.start() - last, found.end()
        match found.lastgroup:
            case "reference":
                references += found[0][0] == "T"
                size += _counted(found, known, size, inside)
            case "scope":
                size += 1
                known = {key: bound for key, bound in known.items() if key[0] != "T"}
            case "pack":
                packs += 1
            case _:
                # A conversion operator may name parameters that come only later.
                later += 1
    size += len(name) - last
    growth: int = _members(name) ** packs * (1 + references) ** later
    return size * growth


def rust_bound(name: str) -> int:
    """Return a bound for a name of Rust's own scheme.

    Source: Rust RFC 2603: references are to places in the name.
    """
    if _at_a_glance(name) <= _SMALL:
        return _at_a_glance(name)
    known: dict[str, int] = {}
    size = last = 0
    inside = _InsideOfIdentifiers(name)
    for found in _RUST.finditer(name):
        size, last = size + found.start() - last, found.end()
        size += _counted(found, known, size, inside)
    return size + len(name) - last


def microsoft_bound(name: str) -> int:
    """Return a bound for a name of Microsoft's compilers.

    Any digit may be a reference, and each function type begins to number anew.
    """
    return len(name) << sum(map(str.isdigit, name))


def swift_bound(name: str) -> int:
    """Return a bound for a name of Swift, old or new.

    Source: Swift's docs/ABI/Mangling.rst, "Substitutions": a run of letters refers to
    as many parts.
    """
    size = len(name)
    for found in _SWIFT.finditer(name):
        size *= 2 + len(found[1] or "")
    return size


def _at_a_glance(name: str) -> int:
    """Return a bound for names whose references end in `_` and are nothing but that."""
    return len(name) << name.count("_")


class _InsideOfIdentifiers:
    """Tells where a name may be within an identifier, in which nothing is a reference.

    Identifiers follow their length, but so do other things follow numbers.
    """

    def __init__(self, name: str) -> None:
        self._spans = iter([*_spans(name), (len(name) + 1, 0)])
        self._next = next(self._spans)
        self._reach = 0

    def at(self, place: int) -> bool:
        """Return whether it may be at `place`, which only grows from call to call."""
        while self._next[0] <= place:
            self._reach = max(self._reach, self._next[1])
            self._next = next(self._spans)
        return place < self._reach


def _spans(name: str) -> Iterator[tuple[int, int]]:
    for number in _NUMBER.finditer(name):
        digits, start = number[0], number.end()
        longest = len(name)
        if len(digits) <= _LONGEST_NUMBER:
            longest = max(int(digits[i:]) for i in range(len(digits)))
        yield start, start + longest


def _counted(
    found: re.Match[str], known: dict[str, int], size: int, inside: _InsideOfIdentifiers
) -> int:
    """Return what a reference may stand for, and remember it if it surely is one."""
    key = found[0]
    bound = known.get(key, size)
    if not inside.at(found.start()):
        known.setdefault(key, bound)
    return bound + 1


def _members(name: str) -> int:
    """Return how many members a pack of template arguments may have."""
    first = name.find("J")
    return 1 if first < 0 else max(1, len(name) - first)
