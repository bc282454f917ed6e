"""Matches paths with shell wildcards; no wildcard matches a slash.

Source: POSIX, fnmatch() with FNM_PATHNAME, which is how debuginfod reads a glob.
"""

import re
from collections.abc import Callable, Iterator

_TOKEN = re.compile(
    r"""
    \\(?P<escaped>.?)
    | (?P<many>\*+)
    | (?P<one>\?)
    | \[(?P<but>[!^]?)(?P<among>(?:\\.|[^\\])(?:\\.|[^]\\])*)\]
    | (?P<itself>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_AMONG = re.compile(r"(\\?.)(?:-(\\?[^]]))?", re.DOTALL)
_WILDCARD = re.compile(r"[*?\[\\]")
_NOTHING, _ANYTHING = "(?!)", "."


def matcher(pattern: str) -> Callable[[str], bool]:
    r"""Return a function that returns whether a path matches `pattern`.

    Hostile patterns take no longer than others. Bracket classes (`[[:alpha:]]`) are not
    supported.

    >>> matches = matcher("/usr/*/hell[n-p]")
    >>> matches("/usr/bin/hello"), matches("/usr/local/bin/hello")
    (True, False)
    >>> matcher(r"\*")("*"), matcher(r"\*")("a")
    (True, False)
    """
    parts = [_compiled(part).fullmatch for part in pattern.split("/")]

    def matches(path: str) -> bool:
        found = path.split("/")
        return len(found) == len(parts) and all(
            match(part) for match, part in zip(parts, found, strict=True)
        )

    return matches


def literal_prefix(pattern: str) -> str:
    """Return the common prefix of all matching paths.

    >>> literal_prefix("/usr/lib/lib*.so")
    '/usr/lib/lib'
    """
    return _WILDCARD.split(pattern, maxsplit=1)[0]


def _compiled(part: str) -> re.Pattern[str]:
    """Return an expression that backtracks no further than to the last wildcard."""
    first, *rest = _pieces(part)
    if not rest:
        return re.compile(first, re.DOTALL)
    *between, last = rest
    found = "".join(f"(?>.*?{piece})" for piece in between)
    return re.compile(f"{first}{found}.*{last}", re.DOTALL)


def _pieces(part: str) -> list[str]:
    """Return expressions for the parts before, between and after asterisks."""
    pieces = [""]
    for token in _TOKEN.finditer(part):
        if token["many"]:
            pieces.append("")
        else:
            pieces[-1] += _character(token)
    return pieces


def _character(token: re.Match[str]) -> str:
    """Return an expression for the one character that a token matches."""
    if token["one"]:
        return _ANYTHING
    if token["among"]:
        among = "".join(_ranges(token["among"]))
        if not among:
            return _ANYTHING if token["but"] else _NOTHING
        return f"[^{among}]" if token["but"] else f"[{among}]"
    character = token["escaped"] or token["itself"]
    return re.escape(character) if character else _NOTHING


def _ranges(among: str) -> Iterator[str]:
    for first, last in _AMONG.findall(among):
        low, high = first[-1], (last or first)[-1]
        if low <= high:
            yield f"{re.escape(low)}-{re.escape(high)}"
