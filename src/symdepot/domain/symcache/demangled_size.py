"""Upper bounds on the length of a demangled name, computed without demangling.

Mangled names contain back references to earlier parts, which may contain references
themselves. If every part contains the last one twice, 300 characters expand to
gigabytes. Here a reference counts as much as everything before its first use. That is
at least the size of its target, and stays small for real names.
"""

import re
from collections.abc import Iterator

# Substitutions and template parameters; operators that repeat their operand for each
# member of a pack; conversion operators; starts of a new template scope.
_ITANIUM = re.compile(
    r"(?P<reference>S[0-9A-Z]*_|T[L0-9A-Z_]*_)"
    r"|(?P<pack>D[pP]|s[pPZ]|f[lrLR])|(?P<later>cv)|(?P<scope>[IZU])"
)
_RUST = re.compile(r"B[0-9a-zA-Z]*_")
_SWIFT = re.compile(r"A[0-9]*([a-z]*)[A-Z_]|S[0-9A-Z]*_")
_NUMBER = re.compile(r"[0-9]+")
_MAX_DIGITS = 4
_QUICK_BOUND = 1_000_000
"""A simpler bound that is this small is good enough."""


def itanium_bound(name: str) -> int:
    """Return the bound for a name of the Itanium ABI: all C++ compilers but Microsoft's.

    Source: Itanium C++ ABI, "Mangling": substitutions number earlier parts of the whole
    name, template parameters those of the innermost template.

    >>> itanium_bound("_Z1f1AIS_S_E")
    96
    """
    if "J" not in name and "cv" not in name and _quick_bound(name) <= _QUICK_BOUND:
        return _quick_bound(name)
    bounds: dict[str, int] = {}
    size = last = packs = references = later = 0
    identifiers = _IdentifierSpans(name)
    for found in _ITANIUM.finditer(name):
        size, last = size + found.start() - last, found.end()
        match found.lastgroup:
            case "reference":
                references += found[0][0] == "T"
                size += _reference_bound(found, bounds, size, identifiers)
            case "scope":
                size += 1
                bounds = {key: bound for key, bound in bounds.items() if key[0] != "T"}
            case "pack":
                packs += 1
            case _:
                # A conversion operator may refer to later parameters.
                later += 1
    size += len(name) - last
    growth: int = _pack_size(name) ** packs * (1 + references) ** later
    return size * growth


def rust_bound(name: str) -> int:
    """Return the bound for a name of Rust's v0 scheme.

    Source: Rust RFC 2603: references are positions in the name.
    """
    if _quick_bound(name) <= _QUICK_BOUND:
        return _quick_bound(name)
    bounds: dict[str, int] = {}
    size = last = 0
    identifiers = _IdentifierSpans(name)
    for found in _RUST.finditer(name):
        size, last = size + found.start() - last, found.end()
        size += _reference_bound(found, bounds, size, identifiers)
    return size + len(name) - last


def microsoft_bound(name: str) -> int:
    """Return the bound for a name of Microsoft's compilers.

    Any digit may be a reference; each function type restarts the numbering.
    """
    return len(name) << sum(map(str.isdigit, name))


def swift_bound(name: str) -> int:
    """Return the bound for a Swift name, old or new scheme.

    Source: Swift's docs/ABI/Mangling.rst, "Substitutions": each letter of a run is
    a reference.
    """
    size = len(name)
    for found in _SWIFT.finditer(name):
        size *= 2 + len(found[1] or "")
    return size


def _quick_bound(name: str) -> int:
    """Return a bound for names in which every reference ends in `_`."""
    return len(name) << name.count("_")


class _IdentifierSpans:
    """Spans that may be identifiers, in which nothing is a reference.

    Identifiers follow their length in digits, but other digits occur, too.
    """

    def __init__(self, name: str) -> None:
        self._spans = iter([*_spans(name), (len(name) + 1, 0)])
        self._next = next(self._spans)
        self._end = 0

    def contain(self, position: int) -> bool:
        """Return whether `position`, which grows from call to call, may be in one."""
        while self._next[0] <= position:
            self._end = max(self._end, self._next[1])
            self._next = next(self._spans)
        return position < self._end


def _spans(name: str) -> Iterator[tuple[int, int]]:
    for number in _NUMBER.finditer(name):
        digits, start = number[0], number.end()
        longest = len(name)
        if len(digits) <= _MAX_DIGITS:
            longest = max(int(digits[i:]) for i in range(len(digits)))
        yield start, start + longest


def _reference_bound(
    found: re.Match[str],
    bounds: dict[str, int],
    size: int,
    identifiers: _IdentifierSpans,
) -> int:
    """Return the bound of a reference; record it unless it may be in an identifier."""
    key = found[0]
    bound = bounds.get(key, size)
    if not identifiers.contain(found.start()):
        bounds.setdefault(key, bound)
    return bound + 1


def _pack_size(name: str) -> int:
    """Return how many members a template argument pack may have."""
    first = name.find("J")
    return 1 if first < 0 else max(1, len(name) - first)
