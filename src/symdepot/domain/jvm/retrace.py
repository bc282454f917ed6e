"""Stack traces of the JVM, from the names that ProGuard and R8 gave to the real ones.

Reading a mapping is reading a stranger's file: the server does it through `sandbox`.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from symbolic.exceptions import SymbolicError
from symbolic.proguard import ProguardMapper

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.jvm import stack_text
from symdepot.domain.jvm.stack_text import JavaFrame

_LINE_LIMIT = 2**31


class NameMapping:
    """A mapping of names, open for asking. Not to be shared among threads."""

    def __init__(self, mapper: ProguardMapper) -> None:
        self._mapper = mapper

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the mapping at `path`, whatever it holds: see `proguard` for what it is.

        Raises:
            NotADebugFile: it cannot be read as one.
        """
        try:
            mapper = ProguardMapper.open(os.fsdecode(path), True)  # noqa: FBT003 -- symbolic's
        except SymbolicError as error:
            raise NotADebugFile(f"This mapping cannot be read: {error}") from error
        return cls(mapper)

    def class_name(self, name: str) -> str | None:
        """Return the real name of a class; None if the mapping does not know it."""
        try:
            return self._mapper.remap_class(name)
        except (SymbolicError, UnicodeError):
            return None

    def frames(
        self, frame: JavaFrame, parameters: str | None = None
    ) -> list[JavaFrame]:
        """Return the real frames of a frame, those inlined into it first.

        Several methods may have got one name; the line or, where it does not tell,
        the `parameters`, a list of types such as `int,java.lang.String`, tell them
        apart. If neither does, only what they have in common is told. Empty if the
        mapping does not know the class.
        """
        line = frame.line if frame.line < _LINE_LIMIT else 0
        ways = [None, parameters] if line else [parameters, None]
        for way in dict.fromkeys(ways):
            if found := self._found(frame, line, way):
                return found
        return self._by_its_names(frame)

    def _found(
        self, frame: JavaFrame, line: int, parameters: str | None
    ) -> list[JavaFrame]:
        asked = (frame.class_name, frame.method, line, parameters)
        try:
            found = self._mapper.remap_frame(*asked)
        except (SymbolicError, UnicodeError):
            return []
        real = [JavaFrame(f.class_name, f.method, f.file, f.line) for f in found]
        distinct = list(dict.fromkeys(real))
        # Only a line tells what is inlined: without one, these are namesakes.
        is_known = len(distinct) == 1 or any(f.line for f in distinct)
        return distinct if is_known else []

    def _by_its_names(self, frame: JavaFrame) -> list[JavaFrame]:
        """Tell what is common to all methods of a name, or the class at least.

        Of a line that is in no range of the mapping R8 takes the method for unknown.

        Source: R8's retrace, `OutsideLineRangeStackTraceTest`.
        """
        name = self.class_name(frame.class_name)
        if name is None:
            return []
        method = frame.method if frame.line else self._method(frame)
        return [JavaFrame(name, method, None, frame.line)]

    def _method(self, frame: JavaFrame) -> str:
        try:
            found = self._mapper.remap_method(frame.class_name, frame.method)
        except (SymbolicError, UnicodeError):
            return frame.method
        return frame.method if found is None else found[1]


class NameSource(Protocol):
    """Knows real names: a mapping, or what several of them have answered."""

    def class_name(self, name: str) -> str | None:
        """Return the real name of a class; None if it is not known."""
        ...

    def frames(self, frame: JavaFrame) -> list[JavaFrame]:
        """Return the real frames of a frame, those inlined into it first."""
        ...


@dataclass(frozen=True, slots=True)
class RetracedText:
    """A text with its names made real again, and how many frames had some."""

    text: str
    frames_found: int


def retrace(trace: str, mapping: NameSource) -> RetracedText:
    """Return a text with the frames and exceptions in it under their real names.

    A frame that others were inlined into becomes several lines. All that the mapping
    does not know, and all that is no stack trace, is left as it is.
    """
    lines = trace.split("\n")
    found = 0
    retraced: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        frame_line = stack_text.parse_frame_line(line)
        if frame_line is None:
            retraced.append(_with_its_exception(line, following, mapping))
            continue
        frames = mapping.frames(frame_line.frame)
        found += bool(frames)
        retraced.extend([frame_line.of(frame) for frame in frames] or [line])
    return RetracedText("\n".join(retraced), found)


def _with_its_exception(line: str, following: str, mapping: NameSource) -> str:
    said = stack_text.parse_exception_line(line, following)
    name = None if said is None else mapping.class_name(said.class_name)
    return line if said is None or name is None else said.of(name)
