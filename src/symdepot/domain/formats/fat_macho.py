"""Fat Mach-O files: several thin ones in one, each for another architecture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import BinaryIO

_MAGIC = b"\xca\xfe\xba\xbe"
_COUNT = Struct(">4xI")
# Processor, its subtype, where the slice begins and how long it is, alignment.
_SLICE = Struct(">8xII4x")
_THIN_MAGICS = (
    *(b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf"),
    *(b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"),
)
_MOST_SLICES = 44
"""What a class file of Java says here is its version: the first was 45."""


@dataclass(frozen=True, slots=True)
class FatSlice:
    """Where a thin file lies in a fat one."""

    offset: int
    size_bytes: int


def slices(path: Path) -> list[FatSlice]:
    """Return where the thin files lie in the fat one at `path`; none in any other.

    None, too, in one whose header lies: slices that overlap, reach beyond the end, or
    are no Mach-O files. Whoever parses it as a whole says what is wrong.

    Raises:
        OSError: it cannot be read.

    Source: Apple, mach-o/fat.h.
    """
    with path.open("rb") as file:
        found = _table(file)
        if _are_apart(found, path.stat().st_size) and all(
            _magic(file, one) in _THIN_MAGICS for one in found
        ):
            return found
    return []


def _table(file: BinaryIO) -> list[FatSlice]:
    head = file.read(_COUNT.size)
    if len(head) < _COUNT.size or not head.startswith(_MAGIC):
        return []
    (count,) = _COUNT.unpack(head)
    table_bytes = min(count, _MOST_SLICES + 1) * _SLICE.size
    table = file.read(table_bytes)
    if count > _MOST_SLICES or len(table) < table_bytes:
        return []
    return [FatSlice(*fields) for fields in _SLICE.iter_unpack(table)]


def _are_apart(found: Sequence[FatSlice], end: int) -> bool:
    begin = _COUNT.size + len(found) * _SLICE.size
    for one in sorted(found, key=lambda one: one.offset):
        if one.offset < begin:
            return False
        begin = one.offset + one.size_bytes
    return begin <= end


def _magic(file: BinaryIO, one: FatSlice) -> bytes:
    file.seek(one.offset)
    return file.read(min(one.size_bytes, len(_MAGIC)))
