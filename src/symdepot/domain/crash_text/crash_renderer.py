"""Answers in the look of the texts that they stand in.

Of several functions, one inlined into the next, each gets a line of its own, as crash
reports of Apple's have them; kernels and summaries have one line for all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from symdepot.domain.crash_text.crash_parser import AddressSpan, TextFormat

LENGTH_LIMIT = 1000
"""No name or path that is longer is shown whole."""

_INLINED = " [inlined]"


@dataclass(frozen=True, slots=True)
class ResolvedName:
    """A function as people read it: how far into it, in which file and line.

    `path` is empty and `line` is 0 where they are not known. `offset` is None in a
    function that was inlined.
    """

    function: str
    path: str
    line: int
    offset: int | None

    @classmethod
    def cut(
        cls, function: str, path: str, line: int, offset: int | None
    ) -> "ResolvedName":
        """Return one whose names can be shown, in one line."""
        return cls(_shown(function), _shown(path), line, offset)

    @property
    def place(self) -> str:
        """File and line, as far as they are known."""
        return f"{self.path}:{self.line}" if self.path and self.line else self.path


@dataclass(frozen=True, slots=True)
class LineContext:
    """What stands in the line of a spot, before and at it, and how the line ends.

    `number` is that of the line, from 1. A spot `is_alone` that shares it with no other.
    """

    number: int
    before: str
    said: str
    ending: str
    is_alone: bool


def line_contexts(text: str, spots: Sequence[AddressSpan]) -> Iterator[LineContext]:
    """Yield what stands around each of the spots of a text."""
    number, counted = 1, 0
    ends = [0, *(spot.end for spot in spots)]
    starts = [*(spot.start for spot in spots[1:]), len(text)]
    for spot, last_end, next_start in zip(spots, ends, starts, strict=False):
        number += text.count("\n", counted, spot.start)
        counted = spot.start
        begin = text.rfind("\n", 0, spot.start) + 1
        end = text.find("\n", spot.end)
        end = len(text) if end == -1 else end
        yield LineContext(
            number,
            text[begin : spot.start],
            text[spot.start : spot.end],
            "\r\n" if text[end - 1 : end] == "\r" else "\n",
            is_alone=last_end <= begin and next_start >= end,
        )


def render(
    spot: AddressSpan, around: LineContext, frames: Sequence[ResolvedName]
) -> str | None:
    """Return what to write instead of a spot; None if the frames say nothing new.

    `frames` are those at its address, innermost first.
    """
    match spot.look:
        case TextFormat.KERNEL:
            return _all_places(f"{around.said} (", frames, ")")
        case TextFormat.SUMMARY:
            return _summary(around, frames[0])
        case TextFormat.SANITIZER if _names_function(around.before, around.said):
            return _all_places("", frames, _module(around.said))
        case _:
            return _one_by_one(spot, around, frames)


def _one_by_one(
    spot: AddressSpan, around: LineContext, frames: Sequence[ResolvedName]
) -> str:
    look = _LOOKS[spot.look]
    *inlined, outermost = [look(spot, around, frame) for frame in frames]
    marked = [f"{each}{_INLINED}" for each in inlined]
    between = f"{around.ending}{around.before}" if around.is_alone else ", in "
    return between.join([*marked, outermost])


def _all_places(before: str, frames: Sequence[ResolvedName], after: str) -> str | None:
    places = " ".join(frame.place for frame in frames if frame.place)
    return f"{before}{places}{after}" if places else None


def _summary(around: LineContext, frame: ResolvedName) -> str:
    if frame.place:
        return f"{frame.place} in {frame.function}"
    return f"{around.said} in {frame.function}"


def _gdb(spot: AddressSpan, around: LineContext, frame: ResolvedName) -> str:
    function = frame.function if "(" in frame.function else f"{frame.function} ()"
    if frame.place:
        return f"{function} at {frame.place}"
    return f"{function}{around.said.removeprefix('?? ()')}"


def _lldb(spot: AddressSpan, around: LineContext, frame: ResolvedName) -> str:
    module = around.said.partition("`")[0]
    where = f" at {frame.place}" if frame.place else ""
    return f"{module}`{frame.function}{_plus(frame, ' + {}')}{where}"


def _sanitizer(spot: AddressSpan, around: LineContext, frame: ResolvedName) -> str:
    place = frame.place or around.said.removeprefix("<null> <null> ")
    if around.said.startswith("<null>"):
        return f"{frame.function} {place}{_module(around.said) if frame.place else ''}"
    return f"in {frame.function} {place}"


def _glibc(spot: AddressSpan, around: LineContext, frame: ResolvedName) -> str:
    where = f" at {frame.place}" if frame.place else ""
    function = f"{frame.function}{_plus(frame, '+{:#x}')}"
    return f"{spot.module.name}({function}){where}"


def _android(spot: AddressSpan, around: LineContext, frame: ResolvedName) -> str:
    file = _without_function(around.said, spot.module.name)
    where = f" {frame.place}" if frame.place else ""
    return f"{file} ({frame.function}{_plus(frame, '+{}')}){where}"


def _apple(spot: AddressSpan, around: LineContext, frame: ResolvedName) -> str:
    file = frame.place.rpartition("/")[2]
    where = f" ({file})" if file else ""
    return f"{frame.function}{_plus(frame, ' + {}')}{where}"


_LOOKS: dict[TextFormat, Callable[[AddressSpan, LineContext, ResolvedName], str]] = {
    TextFormat.GDB: _gdb,
    TextFormat.LLDB: _lldb,
    TextFormat.SANITIZER: _sanitizer,
    TextFormat.GLIBC: _glibc,
    TextFormat.ANDROID: _android,
    TextFormat.APPLE: _apple,
}


def _names_function(before: str, said: str) -> bool:
    """Whether a sanitizer knows the function, and the file alone is missing."""
    return " in " in before or said.startswith("<null> (")


def _module(said: str) -> str:
    """Return the module that ThreadSanitizer names after a place; others do not."""
    return f" {said[said.index('(') :]}" if said.startswith("<null>") else ""


def _without_function(said: str, name: str) -> str:
    """Return the path, and the offset of a library that lies in a package."""
    rest = said.removeprefix(name)
    offset = rest.partition(")")[0]
    return f"{name}{offset})" if offset.startswith(" (offset 0x") else name


def _plus(frame: ResolvedName, pattern: str) -> str:
    return "" if frame.offset is None else pattern.format(frame.offset)


def _shown(text: str) -> str:
    safe = "".join(c if c.isprintable() else "\ufffd" for c in text[:LENGTH_LIMIT])
    return f"{safe}…" if len(text) > LENGTH_LIMIT else safe
