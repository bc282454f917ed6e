"""End symbols without a size at the end of their section.

symbolic lets such a symbol reach to the next one: the last of a program names all of its
data and each address beyond it.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator
from struct import Struct
from typing import NamedTuple

from symdepot.domain.symcache import tables
from symdepot.domain.symcache.tables import Tables

_COUNTS = Struct("<II")


class _Edit(NamedTuple):
    """`removed` bytes at `offset` of the file are replaced by `content`."""

    offset: int
    removed: int
    content: bytes


def with_code_ends(
    symcache: memoryview, sections: Collection[range]
) -> Iterator[memoryview | bytes]:
    """Yield the bytes of `symcache`, without symbols at the end of code `sections`.

    A symbol that spans the end of a section ends there; one that starts there, as
    `etext` does, goes unless another section starts there, too. Functions with lines
    stay as they are: debug information states their ends. The sections are addresses
    relative to the module.

    Raises:
        struct.error: this is no symcache.
    """
    at = 0
    for edit in sorted(_edits(symcache, sections), key=_in_order):
        yield symcache[at : edit.offset]
        yield edit.content
        at = edit.offset + edit.removed
    yield symcache[at:]


def _in_order(edit: _Edit) -> tuple[int, int]:
    """Sort insertions at an offset before what replaces the bytes there."""
    return edit.offset, edit.removed


def _edits(symcache: memoryview, sections: Collection[range]) -> Iterator[_Edit]:
    layout = tables.read_tables(symcache)
    starts = symcache[layout.ranges_at : layout.ranges_end].cast("I")
    begins = {section.start for section in sections}
    ended: set[int] = set()
    for end in sorted({section.stop for section in sections}):
        index = bisect_left(starts, end)
        if index in ended or not 0 < end < tables.NONE:
            continue
        if index < len(starts) and starts[index] == end:
            if end not in begins and _is_symbol(symcache, layout.location_at(index)):
                at = layout.location_at(index)
                yield _Edit(at, tables.LOCATION.size, tables.NO_LOCATION)
        elif index and _is_symbol(symcache, layout.location_at(index - 1)):
            ended.add(index)
            yield _Edit(layout.location_at(index), 0, tables.NO_LOCATION)
            yield _Edit(layout.range_at(index), 0, tables.RANGE.pack(end))
    yield from _count_edits(layout, len(ended))


def _count_edits(layout: Tables, added: int) -> Iterator[_Edit]:
    """Yield what changes in the header and before the strings with `added` ranges."""
    counts = _COUNTS.pack(layout.locations + added, layout.ranges + added)
    yield _Edit(tables.LOCATION_COUNT_AT, _COUNTS.size, counts)
    end = layout.ranges_end + added * tables.RANGE.size
    padding = bytes(tables.aligned(end) - end)
    yield _Edit(layout.ranges_end, layout.strings_at - layout.ranges_end, padding)


def _is_symbol(symcache: memoryview, location_at: int) -> bool:
    """Whether this location is a function without file, line and inlined functions."""
    location = tables.LOCATION.unpack_from(symcache, location_at)
    file, line, function, inlined_into = location
    has_lines = (file, line, inlined_into) != (tables.NONE, 0, tables.NONE)
    return function != tables.NONE and not has_lines
