"""Source files of stack frames: lines with context, and canonical paths."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LINES_AROUND = 5
_MAX_LINE_LENGTH = 150
_DRIVE = re.compile(r"[A-Za-z]:(?=[/\\]|$)").match
_SHARE = re.compile(r"\\\\[^\\/]").match


@dataclass(frozen=True, slots=True)
class SourceContext:
    """A source line, and the lines before and after it in file order."""

    before: list[str]
    line: str
    after: list[str]


def split_lines(text: str) -> list[str]:
    r"""Return the lines of a source without their ends.

    Only line feeds end a line, as in compilers' line numbers.

    >>> split_lines("a\r\nb\x0cc\n")
    ['a', 'b\x0cc']
    """
    found = text.split("\n")
    if not found[-1]:
        found.pop()
    return [line.removesuffix("\r") for line in found]


def context_of_line(lines: Sequence[str], number: int) -> SourceContext | None:
    """Return line `number`, counted from 1, with context; None if it does not exist.

    Long lines are cut, as Sentry shows them.

    Source: spec/serving 4.5; symbolicator-service's `trim_context_line`.
    """
    if not 1 <= number <= len(lines):
        return None
    index = number - 1
    return SourceContext(
        before=[_cut(line) for line in lines[max(0, index - _LINES_AROUND) : index]],
        line=_cut(lines[index]),
        after=[_cut(line) for line in lines[number : number + _LINES_AROUND]],
    )


def canonical_path(path: str) -> str:
    r"""Return one spelling for all spellings of a path.

    Backslashes are separators. `..` at the root is the root.

    >>> canonical_path("/usr//src/./lib/../a.c"), canonical_path("./../a/../b.c")
    ('/usr/src/a.c', '../b.c')
    >>> canonical_path(r"c:\work\..\a.c"), canonical_path(r"\\server\share\x\..\a.c")
    ('C:/a.c', '//server/share/a.c')
    """
    root, rest = _split_root(path)
    parts: list[str] = []
    for part in rest.replace("\\", "/").split("/"):
        if part in {"", "."}:
            continue
        if part != "..":
            parts.append(part)
        elif parts and parts[-1] != "..":
            parts.pop()
        elif not root:
            parts.append(part)
    return root + "/".join(parts)


def ignores_case(canonical_path: str) -> bool:
    """Return whether the path has a drive or a share, as on Windows.

    >>> ignores_case("C:/a.c"), ignores_case("//server/a.c"), ignores_case("/a.c")
    (True, True, False)
    """
    return canonical_path.startswith("//") or _DRIVE(canonical_path) is not None


def _split_root(path: str) -> tuple[str, str]:
    """Return the canonical root of a path, and the rest."""
    if _DRIVE(path):
        return f"{path[0].upper()}:/", path[2:]
    if _SHARE(path):
        return "//", path
    return ("/" if path[:1] in {"/", "\\"} else ""), path


def _cut(line: str) -> str:
    return line if len(line) <= _MAX_LINE_LENGTH else line[:140] + " {snip}"
