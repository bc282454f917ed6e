"""Detects truncated Windows programs.

symbolic reads only the headers, which have the ids, and so accepts an incomplete download.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from struct import Struct, error

_DOS_MAGIC = b"MZ"
_PE_MAGIC = b"PE\0\0"
_PE_OFFSET = Struct("<60xI")
# Magic, machine, sections, time, symbol table and its entries, optional header, flags.
_HEADER = Struct("<4s2xH4xIIH2x")
# Name, virtual size, address, raw size, raw offset, and what only object files use.
_SECTION = Struct("<8xI4xII16x")
_SYMBOL_BYTES = 18
_STRINGS_SIZE = Struct("<I")


def minimum_size(path: Path) -> int:
    """Return the size in bytes that a file has at least, according to its headers.

    0 for other files, and for truncated headers: the parser reports those better.
    Padding at the end of a section may be missing.

    Source: Microsoft, "PE Format": COFF file header, section table, string table; the raw
    data of a section is its `VirtualSize` at most, padded to `FileAlignment`.
    """
    with path.open("rb") as file:
        if file.read(len(_DOS_MAGIC)) != _DOS_MAGIC:
            return 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return max(_ends(content), default=0)
            except error:
                return 0


def _ends(content: mmap.mmap) -> Iterator[int]:
    (start,) = _PE_OFFSET.unpack_from(content)
    magic, sections, symbols, symbol_count, optional_bytes = _HEADER.unpack_from(
        content, start
    )
    if magic != _PE_MAGIC:
        return
    if symbols and symbol_count:
        yield from _symbols_ends(content, symbols + symbol_count * _SYMBOL_BYTES)
    table = start + _HEADER.size + optional_bytes
    for index in range(sections):
        virtual_bytes, raw_bytes, offset = _SECTION.unpack_from(
            content, table + index * _SECTION.size
        )
        if offset:
            yield offset + min(raw_bytes, virtual_bytes or raw_bytes)


def _symbols_ends(content: mmap.mmap, strings: int) -> Iterator[int]:
    """Yield the end of the symbols, and of their names, which begin with a size."""
    yield strings
    if strings + _STRINGS_SIZE.size <= len(content):
        yield strings + int(_STRINGS_SIZE.unpack_from(content, strings)[0])
