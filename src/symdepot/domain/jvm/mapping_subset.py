"""Excerpts of mappings: what they say of the classes that somebody asks about.

A mapping of 100 MB takes symbolic seconds and a gigabyte to read, and a stack trace is
about some dozen of its 20,000 classes.
"""

import mmap
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_ARROW = b" -> "
# What stands at the edge and is no comment is said of a class; members are indented.
_edges = re.compile(rb"\n(?=[^\s#])").finditer
_classes_before_methods = re.compile(rb" ([^\s()]+)\.[^\s().]+\(").findall
_member = re.compile(rb"\n[ \t]+[^\s#]").search


@dataclass(frozen=True, slots=True)
class _Section:
    """What is said of one class: its names, and where that begins and ends."""

    real: bytes
    short: bytes
    start: int
    end: int


def copy_classes(mapping: Path, class_names: Collection[str], into: BinaryIO) -> None:
    """Write to `into` what the mapping says of the classes with these short names.

    It answers for them as all of the mapping would: what stands before the first class
    is in it, too, and in which files those classes are that were inlined into them.

    Raises:
        OSError: the mapping cannot be read, or the excerpt not be written.
    """
    if not mapping.stat().st_size:
        return
    asked = {name.encode("utf-8", "replace") for name in class_names}
    with (
        mapping.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        sections = list(_sections(content))
        into.write(content[: sections[0].start if sections else len(content)])
        inlined: set[bytes] = set()
        for section in sections:
            if section.short in asked:
                text = content[section.start : section.end]
                inlined.update(_classes_before_methods(text), [section.real])
        for section in sections:
            if section.short in asked:
                into.write(content[section.start : section.end] + b"\n")
            elif section.real in inlined:
                into.write(_before_members(section, content))


def _sections(content: mmap.mmap) -> Iterator[_Section]:
    last: tuple[bytes, bytes, int] | None = None
    for start in _starts(content):
        line = content[start : _end_of_line(content, start)]
        real, arrow, rest = line.partition(_ARROW)
        short, colon, _ = rest.partition(b":")
        if not (arrow and colon):  # the class before it is not at its end
            continue
        if last is not None:
            yield _Section(*last, start)
        last = real, short, start
    if last is not None:
        yield _Section(*last, len(content))


def _starts(content: mmap.mmap) -> Iterator[int]:
    if not content[:1].isspace() and content[:1] != b"#":
        yield 0
    for edge in _edges(content):
        yield edge.end()


def _end_of_line(content: mmap.mmap, start: int) -> int:
    end = content.find(b"\n", start)
    return len(content) if end < 0 else end


def _before_members(section: _Section, content: mmap.mmap) -> bytes:
    """Return what stands before the members of a class, as its file does."""
    text = content[section.start : section.end]
    member = _member(text)
    return (text if member is None else text[: member.start()]) + b"\n"
