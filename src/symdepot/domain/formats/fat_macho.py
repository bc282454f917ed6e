"""Fat Mach-O files: several thin ones in one, one for each architecture.

Source: Apple, mach-o/fat.h.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import BinaryIO

MAGIC = b"\xca\xfe\xba\xbe"
_COUNT = Struct(">4xI")
# CPU type and subtype; offset and size of the slice; alignment.
_SLICE = Struct(">8xII4x")
THIN_MAGICS = (
    *(b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf"),
    *(b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"),
)
MAX_SLICES = 44
"""Java class files have the same magic, and here their version, which is 45 or more."""


@dataclass(frozen=True, slots=True)
class FatSlice:
    """Offset and size of a thin file in a fat one."""

    offset: int
    size_bytes: int


def slices(path: Path) -> list[FatSlice]:
    """Return the slices of the fat file at `path`; an empty list for any other file.

    Also empty if slices overlap, reach beyond the end, or are not Mach-O files: the
    parser of the whole file reports that better.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        found = _read_table(file)
        if _are_disjoint(found, path.stat().st_size) and all(
            _read_magic(file, each) in THIN_MAGICS for each in found
        ):
            return found
    return []


def _read_table(file: BinaryIO) -> list[FatSlice]:
    head = file.read(_COUNT.size)
    if len(head) < _COUNT.size or not head.startswith(MAGIC):
        return []
    (count,) = _COUNT.unpack(head)
    table_bytes = min(count, MAX_SLICES + 1) * _SLICE.size
    table = file.read(table_bytes)
    if count > MAX_SLICES or len(table) < table_bytes:
        return []
    return [FatSlice(*fields) for fields in _SLICE.iter_unpack(table)]


def _are_disjoint(found: Sequence[FatSlice], end: int) -> bool:
    begin = _COUNT.size + len(found) * _SLICE.size
    for each in sorted(found, key=lambda each: each.offset):
        if each.offset < begin:
            return False
        begin = each.offset + each.size_bytes
    return begin <= end


def _read_magic(file: BinaryIO, each: FatSlice) -> bytes:
    file.seek(each.offset)
    return file.read(min(each.size_bytes, len(MAGIC)))
