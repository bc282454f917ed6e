"""Render resolved frames in the format of the text that they replace.

Inlined functions get a line each, as in Apple's crash reports; in kernel logs and
summaries all are in one line.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from symdepot.domain import text_format
from symdepot.domain.crash_text.address_spans import AddressSpan, TextFormat

MAX_NAME_LENGTH = 1000
"""Longer names and paths are cut."""


@dataclass(frozen=True, slots=True)
class ResolvedName:
    """A demangled function with file, line, and offset in the function.

    `path` is empty and `line` is 0 if unknown. `offset` is None for inlined functions.
    """

    function: str
    path: str
    line: int
    offset: int | None

    @classmethod
    def printable(
        cls, function: str, path: str, line: int, offset: int | None
    ) -> "ResolvedName":
        """Return one with names cut and control characters replaced."""
        return cls(_printable(function), _printable(path), line, offset)

    @property
    def location(self) -> str:
        """File and line, if known."""
        return f"{self.path}:{self.line}" if self.path and self.line else self.path


@dataclass(frozen=True, slots=True)
class LineContext:
    """The line of a span: its number from 1, the text before the span, and its ending.

    `original` is the text of the span. `is_alone`: the line has no other span.
    """

    number: int
    before: str
    original: str
    ending: str
    is_alone: bool


def line_contexts(text: str, spans: Sequence[AddressSpan]) -> Iterator[LineContext]:
    """Yield the line of each span."""
    number, counted = 1, 0
    ends = [0, *(span.end for span in spans)]
    starts = [*(span.start for span in spans[1:]), len(text)]
    for span, last_end, next_start in zip(spans, ends, starts, strict=False):
        number += text.count("\n", counted, span.start)
        counted = span.start
        begin = text.rfind("\n", 0, span.start) + 1
        end = text.find("\n", span.end)
        end = len(text) if end == -1 else end
        yield LineContext(
            number,
            text[begin : span.start],
            text[span.start : span.end],
            "\r\n" if text[end - 1 : end] == "\r" else "\n",
            is_alone=last_end <= begin and next_start >= end,
        )


def render(
    span: AddressSpan, context: LineContext, frames: Sequence[ResolvedName]
) -> str | None:
    """Return the replacement of a span; None if the frames add nothing.

    `frames` are those at its address, innermost first.
    """
    match span.text_format:
        case TextFormat.KERNEL:
            return _all_locations(f"{context.original} (", frames, ")")
        case TextFormat.SUMMARY:
            known = frames[0].location or context.original
            return f"{known} in {frames[0].function}"
        case TextFormat.SANITIZER if _names_function(context):
            return _all_locations("", frames, _module(context))
        case _:
            return _one_per_line(span, context, frames)


def _one_per_line(
    span: AddressSpan, context: LineContext, frames: Sequence[ResolvedName]
) -> str:
    render_frame = _FRAME_RENDERERS[span.text_format]
    between = f"{context.ending}{context.before}" if context.is_alone else ", in "
    separator = f" [inlined]{between}"
    return separator.join(render_frame(span, context, frame) for frame in frames)


def _all_locations(
    before: str, frames: Sequence[ResolvedName], after: str
) -> str | None:
    locations = " ".join(frame.location for frame in frames if frame.location)
    return f"{before}{locations}{after}" if locations else None


def _gdb(span: AddressSpan, context: LineContext, frame: ResolvedName) -> str:
    function = frame.function if "(" in frame.function else f"{frame.function} ()"
    location = f" at {frame.location}" if frame.location else ""
    return function + (location or context.original.removeprefix("?? ()"))


def _lldb(span: AddressSpan, context: LineContext, frame: ResolvedName) -> str:
    module = context.original.partition("`")[0]
    location = f" at {frame.location}" if frame.location else ""
    return f"{module}`{frame.function}{_offset(frame, ' + {}')}{location}"


def _sanitizer(span: AddressSpan, context: LineContext, frame: ResolvedName) -> str:
    location = frame.location or context.original.removeprefix("<null> <null> ")
    if not context.original.startswith("<null>"):
        return f"in {frame.function} {location}"
    return f"{frame.function} {location}{_module(context) if frame.location else ''}"


def _glibc(span: AddressSpan, context: LineContext, frame: ResolvedName) -> str:
    location = f" at {frame.location}" if frame.location else ""
    function = f"{frame.function}{_offset(frame, '+{:#x}')}"
    return f"{span.module.name}({function}){location}"


def _android(span: AddressSpan, context: LineContext, frame: ResolvedName) -> str:
    file = _without_function(context.original, span.module.name)
    location = f" {frame.location}" if frame.location else ""
    return f"{file} ({frame.function}{_offset(frame, '+{}')}){location}"


def _apple(span: AddressSpan, context: LineContext, frame: ResolvedName) -> str:
    file = frame.location.rpartition("/")[2]
    location = f" ({file})" if file else ""
    return f"{frame.function}{_offset(frame, ' + {}')}{location}"


type _FrameRenderer = Callable[[AddressSpan, LineContext, ResolvedName], str]
_FRAME_RENDERERS: dict[TextFormat, _FrameRenderer] = {
    TextFormat.GDB: _gdb,
    TextFormat.LLDB: _lldb,
    TextFormat.SANITIZER: _sanitizer,
    TextFormat.GLIBC: _glibc,
    TextFormat.ANDROID: _android,
    TextFormat.APPLE: _apple,
}


def _names_function(context: LineContext) -> bool:
    """Return whether a sanitizer printed the function, and only the file is missing."""
    return " in " in context.before or context.original.startswith("<null> (")


def _module(context: LineContext) -> str:
    """Return the module, which only ThreadSanitizer prints after the location."""
    _, bracket, module = context.original.partition("(")
    return f" {bracket}{module}" if context.original.startswith("<null>") else ""


def _without_function(original: str, name: str) -> str:
    """Return the path, with the offset of a library inside a package."""
    rest = original.removeprefix(name)
    offset = rest.partition(")")[0]
    return f"{name}{offset})" if offset.startswith(" (offset 0x") else name


def _offset(frame: ResolvedName, pattern: str) -> str:
    return "" if frame.offset is None else pattern.format(frame.offset)


def _printable(text: str) -> str:
    safe = text_format.printable(text[:MAX_NAME_LENGTH])
    return f"{safe}…" if len(text) > MAX_NAME_LENGTH else safe
