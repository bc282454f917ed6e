"""What somebody asks of a mapping all at once, and what it answers."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from symdepot.domain.jvm import mapping_subset, retrace, stack_text
from symdepot.domain.jvm.retrace import NameMapping, RetracedText
from symdepot.domain.jvm.stack_text import JavaFrame

MOST_INLINED = 500
"""No compiler inlines so deep; what a hostile mapping says beyond is not heard."""


@dataclass(frozen=True, slots=True)
class ObfuscatedFrame:
    """A frame by its short names; its method's signature, as the JVM has it, if known."""

    class_name: str
    method: str
    line: int
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class MappingQuery:
    """Frames and names of classes, each of them once."""

    frames: tuple[ObfuscatedFrame, ...] = ()
    class_names: tuple[str, ...] = ()

    def mentioned(self) -> set[str]:
        """Return the short names of all classes that it takes to answer."""
        names = {*self.class_names, *(frame.class_name for frame in self.frames)}
        for frame in self.frames:
            names.update(stack_text.class_names(frame.signature or ""))
        return names


@dataclass(frozen=True, slots=True)
class MappingResult:
    """The real frames, classes and signatures of those that are known."""

    frames: Mapping[ObfuscatedFrame, list[JavaFrame]] = field(default_factory=dict)
    class_names: Mapping[str, str] = field(default_factory=dict)
    signatures: Mapping[str, str] = field(default_factory=dict)


def run_query(mapping: Path, asked: MappingQuery) -> MappingResult:
    """Ask the mapping at `mapping`; what it does not know is not in the answer.

    Raises:
        NotADebugFile: it cannot be read as one.
        OSError: it cannot be read at all.
    """
    with os.fdopen(os.memfd_create("excerpt"), "wb") as excerpt:
        mapping_subset.copy_classes(mapping, asked.mentioned(), excerpt)
        excerpt.flush()
        names = NameMapping.open(Path(f"/proc/self/fd/{excerpt.fileno()}"))
        return _told(names, asked)


def query_for_text(trace: str) -> MappingQuery:
    """Return what it takes to retrace a text."""
    overheard = _Overheard()
    retrace.retrace(trace, overheard)
    return MappingQuery(tuple(overheard.asked_frames), tuple(overheard.class_names))


def retrace_text(trace: str, known: MappingResult) -> RetracedText:
    """Return the text under real names, once its `query_for_text` are answered."""
    return retrace.retrace(trace, _Known(known))


@dataclass(frozen=True, slots=True)
class _Overheard:
    """Knows nothing, but remembers what it was asked, each question once."""

    asked_frames: dict[ObfuscatedFrame, None] = field(default_factory=dict)
    class_names: dict[str, None] = field(default_factory=dict)

    def class_name(self, name: str) -> str | None:
        self.class_names[name] = None
        return None

    def frames(self, frame: JavaFrame) -> list[JavaFrame]:
        self.asked_frames[_asked(frame)] = None
        return []


@dataclass(frozen=True, slots=True)
class _Known:
    """Knows what was answered."""

    answers: MappingResult

    def class_name(self, name: str) -> str | None:
        return self.answers.class_names.get(name)

    def frames(self, frame: JavaFrame) -> list[JavaFrame]:
        return self.answers.frames.get(_asked(frame), [])


def _asked(frame: JavaFrame) -> ObfuscatedFrame:
    return ObfuscatedFrame(frame.class_name, frame.method, frame.line)


def _told(names: NameMapping, asked: MappingQuery) -> MappingResult:
    frames: dict[ObfuscatedFrame, list[JavaFrame]] = {}
    signatures: dict[str, str] = {}
    for each in asked.frames:
        signature = stack_text.readable_signature(
            each.signature or "", names.class_name
        )
        if signature is not None and each.signature is not None:
            signatures[each.signature] = _printable(str(signature))
        frame = JavaFrame(each.class_name, each.method, None, each.line)
        parameters = None if signature is None else ",".join(signature.parameters)
        if found := names.frames(frame, parameters)[:MOST_INLINED]:
            frames[each] = [_printable_frame(real) for real in found]
    real_names = {name: names.class_name(name) for name in asked.class_names}
    return MappingResult(
        frames=frames,
        class_names={k: _printable(v) for k, v in real_names.items() if v is not None},
        signatures=signatures,
    )


def _printable_frame(frame: JavaFrame) -> JavaFrame:
    return JavaFrame(
        _printable(frame.class_name),
        _printable(frame.method),
        None if frame.file is None else _printable(frame.file),
        frame.line,
    )


def _printable(name: str) -> str:
    """Return a stranger's name as it may be shown on a terminal."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else "\ufffd" for c in name)
