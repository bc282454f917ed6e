"""Retrace stack traces of the JVM: replace obfuscated names by the original ones.

Mappings are parsed only in the sandbox, so a retrace has three steps: `query_for_text`
collects all names in a text, `sandbox.operations` runs the query, and `retrace_text`
rewrites the text with the result.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from symdepot.domain.jvm import stack_text
from symdepot.domain.jvm.stack_text import JavaFrame


@dataclass(frozen=True, slots=True)
class ObfuscatedFrame:
    """A frame under obfuscated names; `signature` is the JVM's, if known."""

    class_name: str
    method: str
    line: int
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class MappingQuery:
    """Frames and class names to look up in a mapping, without repeats."""

    frames: tuple[ObfuscatedFrame, ...] = ()
    class_names: tuple[str, ...] = ()

    def mentioned_classes(self) -> set[str]:
        """Return the obfuscated names of all classes in the query."""
        names = {*self.class_names, *(frame.class_name for frame in self.frames)}
        for frame in self.frames:
            names.update(stack_text.class_names(frame.signature or ""))
        return names


@dataclass(frozen=True, slots=True)
class MappingResult:
    """The original frames, classes and readable signatures of the known ones."""

    frames: Mapping[ObfuscatedFrame, list[JavaFrame]] = field(default_factory=dict)
    class_names: Mapping[str, str] = field(default_factory=dict)
    signatures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RetracedText:
    """A text with original names, and how many of its frames were known."""

    text: str
    frames_found: int


class NameSource(Protocol):
    """A source of original names: an open mapping, or the result of a query."""

    def class_name(self, name: str) -> str | None:
        """Return the original name of a class; None if unknown."""
        ...

    def frames(self, frame: JavaFrame) -> list[JavaFrame]:
        """Return the original frames of a frame, inlined ones first."""
        ...


def query_for_text(trace: str) -> MappingQuery:
    """Return the query for all frames and exceptions in a text."""
    recorder = _Recorder()
    retrace(trace, recorder)
    return MappingQuery(
        tuple(recorder.requested_frames), tuple(recorder.requested_classes)
    )


def retrace_text(trace: str, result: MappingResult) -> RetracedText:
    """Return the text under original names from the result of its `query_for_text`."""
    return retrace(trace, _ResultNames(result))


def retrace(trace: str, names: NameSource) -> RetracedText:
    """Return a text with its frames and exceptions under original names.

    A frame with inlined functions becomes several lines. Unknown names and other text
    are left unchanged.
    """
    lines = trace.split("\n")
    found = 0
    retraced: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        frame_line = stack_text.parse_frame_line(line)
        if frame_line is None:
            retraced.append(_with_exception(line, following, names))
            continue
        frames = names.frames(frame_line.frame)
        found += bool(frames)
        retraced.extend([frame_line.with_frame(frame) for frame in frames] or [line])
    return RetracedText("\n".join(retraced), found)


def _with_exception(line: str, following: str, names: NameSource) -> str:
    parsed = stack_text.parse_exception_line(line, following)
    name = None if parsed is None else names.class_name(parsed.class_name)
    return line if parsed is None or name is None else parsed.with_class(name)


@dataclass(frozen=True, slots=True)
class _Recorder:
    """Records the names requested, and knows none."""

    requested_frames: dict[ObfuscatedFrame, None] = field(default_factory=dict)
    requested_classes: dict[str, None] = field(default_factory=dict)

    def class_name(self, name: str) -> str | None:
        self.requested_classes[name] = None
        return None

    def frames(self, frame: JavaFrame) -> list[JavaFrame]:
        self.requested_frames[_obfuscated(frame)] = None
        return []


@dataclass(frozen=True, slots=True)
class _ResultNames:
    """The names in a query result."""

    result: MappingResult

    def class_name(self, name: str) -> str | None:
        return self.result.class_names.get(name)

    def frames(self, frame: JavaFrame) -> list[JavaFrame]:
        return self.result.frames.get(_obfuscated(frame), [])


def _obfuscated(frame: JavaFrame) -> ObfuscatedFrame:
    return ObfuscatedFrame(frame.class_name, frame.method, frame.line)
