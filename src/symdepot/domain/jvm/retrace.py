"""Retrace stack traces of the JVM: replace obfuscated names by the original ones.

Mappings are parsed only in the sandbox, so a retrace has three steps: `query_for_text`
collects all names in a text, `sandbox.operations` runs the query, and `retrace_text`
rewrites the text with the result.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from symdepot.domain.jvm import stack_text
from symdepot.domain.jvm.stack_text import JavaFrame


# NamedTuples, because they become JSON lists as they are.
class ObfuscatedFrame(NamedTuple):
    """A frame under obfuscated names; `signature` is the JVM's, if known."""

    class_name: str
    method: str
    line: int
    signature: str | None = None


class MappingQuery(NamedTuple):
    """Frames and class names to look up in a mapping, without repeats."""

    frames: tuple[ObfuscatedFrame, ...] = ()
    class_names: tuple[str, ...] = ()


class MappingResult(NamedTuple):
    """The original frames, classes and readable signatures of the known ones."""

    frames: Mapping[ObfuscatedFrame, list[JavaFrame]]
    class_names: Mapping[str, str]
    signatures: Mapping[str, str]


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
    return MappingQuery(tuple(recorder.frames_seen), tuple(recorder.classes_seen))


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
    if parsed is None or name is None:
        return line
    return f"{parsed.before}{name}{parsed.after}"


class _Recorder:
    """Records the names requested, and knows none."""

    def __init__(self) -> None:
        self.frames_seen: dict[ObfuscatedFrame, None] = {}
        self.classes_seen: dict[str, None] = {}

    def class_name(self, name: str) -> None:
        self.classes_seen[name] = None

    def frames(self, frame: JavaFrame) -> list[JavaFrame]:
        self.frames_seen[_obfuscated(frame)] = None
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
