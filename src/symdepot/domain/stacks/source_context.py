"""The lines around a line of a source, as people want to see them in a stack trace."""

from collections.abc import Sequence
from dataclasses import dataclass

LINES_EACH_SIDE = 5
_LENGTH_LIMIT = 150
_LENGTH_LEFT = 140
_CUT = " {snip}"


@dataclass(frozen=True, slots=True)
class SourceContext:
    """A line of a source, and those before and after it in the order of the file."""

    before: list[str]
    line: str
    after: list[str]


def lines(text: str) -> list[str]:
    r"""Return the lines of a source, without their ends.

    Only line feeds end lines, since compilers count nothing else.

    >>> lines("a\r\nb\x0cc\n")
    ['a', 'b\x0cc']
    """
    found = text.split("\n")
    if not found[-1]:
        found.pop()
    return [line.removesuffix("\r") for line in found]


def context(
    source: Sequence[str], line_number: int, *, around: int = LINES_EACH_SIDE
) -> SourceContext | None:
    """Return a line, counted from one, and those around it; None if there is no such line.

    Long lines are cut, as Sentry shows them.

    Source: spec/serving 4.5; symbolicator-service's `trim_context_line` for the numbers.
    """
    if not 1 <= line_number <= len(source):
        return None
    index = line_number - 1
    return SourceContext(
        before=[_cut(line) for line in source[max(0, index - around) : index]],
        line=_cut(source[index]),
        after=[_cut(line) for line in source[line_number : line_number + around]],
    )


def _cut(line: str) -> str:
    return line if len(line) <= _LENGTH_LIMIT else line[:_LENGTH_LEFT] + _CUT
