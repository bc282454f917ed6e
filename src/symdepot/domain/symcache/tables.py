"""The layout of a symcache: a header, tables, and a table of strings.

Each range starts where the one before it ends, and has one of the last locations: range
i of n has location n - i from the end. Those before them are of inlined functions.

Source: symbolic-symcache/src/v9/raw.rs and mod.rs; a test compares with lookups.
"""

from struct import Struct
from typing import NamedTuple

PREAMBLE_BYTES = 8
HEADER = Struct("<32sIIIIII")
"""Ids, then the number of files, functions, locations, ranges and bytes of strings."""
FUNCTION = Struct("<IIII")
LOCATION = Struct("<IIII")
"""File, line, function, and the location into which it is inlined."""
RANGE = Struct("<I")
NONE = 0xFFFF_FFFF
"""No file, no function, or no start address of an inlined function."""
NO_LOCATION = LOCATION.pack(NONE, NONE, NONE, NONE)
"""The location of a range that no function contains."""

LOCATION_COUNT_AT = 52
"""Offset of the number of locations, which is followed by that of ranges."""

_HEADER_BYTES = 72
_FILE_BYTES = 24
_ALIGNMENT = 8


class Tables(NamedTuple):
    """Offsets of the tables in bytes, and the numbers of their entries."""

    files: int
    functions_at: int
    functions: int
    locations_at: int
    locations: int
    ranges_at: int
    ranges: int
    strings_at: int
    string_bytes: int

    @property
    def ranges_end(self) -> int:
        """Offset of the end of the last range."""
        return self.range_at(self.ranges)

    def range_at(self, index: int) -> int:
        """Return the offset of a range."""
        return self.ranges_at + index * RANGE.size

    def location_at(self, index: int) -> int:
        """Return the offset of the location of a range."""
        before = self.locations - self.ranges
        return self.locations_at + (before + index) * LOCATION.size


def read_tables(symcache: memoryview) -> Tables:
    """Return where the tables of a symcache are.

    Raises:
        struct.error: the header is truncated.
    """
    header = HEADER.unpack_from(symcache, PREAMBLE_BYTES)
    _, _, files, functions, locations, ranges, string_bytes = header
    files_at = aligned(PREAMBLE_BYTES + _HEADER_BYTES)
    functions_at = aligned(files_at + files * _FILE_BYTES)
    locations_at = aligned(functions_at + functions * FUNCTION.size)
    ranges_at = aligned(locations_at + locations * LOCATION.size)
    strings_at = aligned(ranges_at + ranges * RANGE.size)
    return Tables(
        *(files, functions_at, functions, locations_at, locations),
        *(ranges_at, ranges, strings_at, string_bytes),
    )


def aligned(offset: int) -> int:
    """Return the offset of a table after `offset` bytes."""
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
