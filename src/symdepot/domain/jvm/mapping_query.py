"""Query ProGuard and R8 mappings with symbolic.

This parses an untrusted file in native code, so only `symdepot.sandbox` imports it.

symbolic takes seconds and a gigabyte to read a mapping of 100 MB, but a stack trace
mentions some dozens of its 20,000 classes. So a query first copies the sections of the
mentioned classes to a subset, and symbolic reads that.
"""

import mmap
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from symbolic.exceptions import SymbolicError
from symbolic.proguard import ProguardMapper

from symdepot.domain import text_format
from symdepot.domain.errors import NotADebugFile
from symdepot.domain.jvm import stack_text
from symdepot.domain.jvm.retrace import MappingQuery, MappingResult, ObfuscatedFrame
from symdepot.domain.jvm.stack_text import JavaFrame

MAX_INLINED = 500
"""Frames returned per query frame; compilers do not inline so deep."""
_MAX_LINE_NUMBER = 2**31 - 1

_ARROW = b" -> "
# Class lines are not indented; members are, and comments start with `#`.
_edges = re.compile(rb"\n(?=[^\s#])").finditer
_classes_before_methods = re.compile(rb" ([^\s()]+)\.[^\s().]+\(").findall
_member = re.compile(rb"\n[ \t]+[^\s#]").search


def run_query(path: Path, query: MappingQuery) -> MappingResult:
    """Query the mapping at `path`; unknown names are not in the result.

    Raises:
        NotADebugFile: the mapping cannot be parsed.
        OSError: the file cannot be read.
    """
    with os.fdopen(os.memfd_create("subset"), "wb") as subset:
        class_names = {
            *query.class_names,
            *(frame.class_name for frame in query.frames),
        }
        for frame in query.frames:
            class_names.update(stack_text.class_names(frame.signature or ""))
        copy_classes(path, class_names, subset)
        subset.flush()
        mapping = NameMapping.open(Path(f"/proc/self/fd/{subset.fileno()}"))
        return _result(mapping, query)


class NameMapping:
    """An open mapping. Not to be shared among threads."""

    def __init__(self, mapper: ProguardMapper) -> None:
        self._mapper = mapper

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the mapping at `path`.

        Raises:
            NotADebugFile: it cannot be parsed.
        """
        try:
            mapper = ProguardMapper.open(os.fsdecode(path), True)  # noqa: FBT003 -- symbolic's
        except SymbolicError as error:
            raise NotADebugFile(f"This mapping cannot be read: {error}") from error
        return cls(mapper)

    def class_name(self, name: str) -> str | None:
        """Return the original name of a class; None if unknown."""
        try:
            return self._mapper.remap_class(name)
        except (SymbolicError, UnicodeError):
            return None

    def frames(
        self, frame: JavaFrame, parameters: str | None = None
    ) -> list[JavaFrame]:
        """Return the original frames of a frame, inlined ones first.

        Methods with the same obfuscated name are distinguished by line or, if that is
        not enough, by `parameters`, a list of types such as `int,java.lang.String`. If
        several remain, only what they have in common is returned. Empty if the class
        is unknown.
        """
        line = frame.line if frame.line <= _MAX_LINE_NUMBER else 0
        attempts = [None, parameters] if line else [parameters, None]
        for attempt in dict.fromkeys(attempts):
            if found := self._remap(frame, line, attempt):
                return found
        return self._remap_names(frame)

    def _remap(
        self, frame: JavaFrame, line: int, parameters: str | None
    ) -> list[JavaFrame]:
        try:
            found = self._mapper.remap_frame(
                frame.class_name, frame.method, line, parameters
            )
        except (SymbolicError, UnicodeError):
            return []
        original = [JavaFrame(f.class_name, f.method, f.file, f.line) for f in found]
        distinct = list(dict.fromkeys(original))
        # Without lines, several frames are not inlined but ambiguous.
        is_unambiguous = len(distinct) == 1 or any(f.line for f in distinct)
        return distinct if is_unambiguous else []

    def _remap_names(self, frame: JavaFrame) -> list[JavaFrame]:
        """Return the class and, if all candidates share it, the method.

        For a line outside all ranges, R8 treats the method as unknown.

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


def copy_classes(path: Path, class_names: Collection[str], target: BinaryIO) -> None:
    """Write the sections of these obfuscated classes to `target`.

    The subset gives the same results for them as the whole mapping: it has the lines
    before the first class, and the source files of classes inlined into these.

    Raises:
        OSError: the mapping cannot be read, or the target cannot be written.
    """
    if not path.stat().st_size:
        return
    selected = {name.encode("utf-8", "replace") for name in class_names}
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        sections = list(_sections(content))
        target.write(content[: sections[0].start if sections else len(content)])
        inlined: set[bytes] = set()
        for section in sections:
            if section.obfuscated in selected:
                text = content[section.start : section.end]
                inlined.update(_classes_before_methods(text), [section.original])
        for section in sections:
            if section.obfuscated in selected:
                target.write(content[section.start : section.end] + b"\n")
            elif section.original in inlined:
                target.write(_before_members(section, content))


class _ClassSection(NamedTuple):
    """The lines of one class: its names, and their range in the file."""

    original: bytes
    obfuscated: bytes
    start: int
    end: int


def _sections(content: mmap.mmap) -> Iterator[_ClassSection]:
    last: tuple[bytes, bytes, int] | None = None
    for start in _line_starts(content):
        end = content.find(b"\n", start)
        line = content[start : len(content) if end < 0 else end]
        original, arrow, rest = line.partition(_ARROW)
        obfuscated, colon, _ = rest.partition(b":")
        if not (arrow and colon):  # the previous section continues
            continue
        if last is not None:
            yield _ClassSection(*last, start)
        last = original, obfuscated, start
    if last is not None:
        yield _ClassSection(*last, len(content))


def _line_starts(content: mmap.mmap) -> Iterator[int]:
    if not content[:1].isspace() and content[:1] != b"#":
        yield 0
    for edge in _edges(content):
        yield edge.end()


def _before_members(section: _ClassSection, content: mmap.mmap) -> bytes:
    """Return the class line and its comments, such as the source file."""
    text = content[section.start : section.end]
    member = _member(text)
    return (text if member is None else text[: member.start()]) + b"\n"


def _result(mapping: NameMapping, query: MappingQuery) -> MappingResult:
    frames: dict[ObfuscatedFrame, list[JavaFrame]] = {}
    signatures: dict[str, str] = {}
    for obfuscated in query.frames:
        class_name, method, line, text = obfuscated
        signature = stack_text.readable_signature(text or "", mapping.class_name)
        parameters = None
        if text is not None and signature is not None:
            signatures[text] = text_format.printable(str(signature))
            parameters = ",".join(signature.parameters)
        found = mapping.frames(JavaFrame(class_name, method, None, line), parameters)
        if found:
            frames[obfuscated] = [_printable_frame(f) for f in found[:MAX_INLINED]]
    names = [(name, mapping.class_name(name)) for name in query.class_names]
    class_names = {
        key: text_format.printable(name) for key, name in names if name is not None
    }
    return MappingResult(frames, class_names, signatures)


def _printable_frame(frame: JavaFrame) -> JavaFrame:
    class_name, method, file, line = frame
    printable = text_format.printable
    file = None if file is None else printable(file)
    return JavaFrame(printable(class_name), printable(method), file, line)
