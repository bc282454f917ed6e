"""Find the executable sections of a debug file, without a native parser.

The files come from strangers: no read reaches out of the file, and a malformed file has
no sections.

Source: Apple, mach-o/loader.h; Microsoft, "PE Format", section table; LLVM, "The MSF File
Format" and "The PDB DBI Stream".
"""

import mmap
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from symdepot.domain.formats import elf_headers, fat_macho
from symdepot.domain.formats.fat_macho import FatSlice

_PE_OFFSET = Struct("<60xI")
_PE_HEADER = Struct("<4s2xH12xH2x")
# Virtual size, address, flags.
_PE_SECTION = Struct("<8xII20xI")
_PE_EXECUTABLE = 0x2000_0000

_MACHO_UUID = _SEGMENT_NAME = slice(8, 24)
_LC_UUID = 0x1B
_MACHO_CODE = 0x8000_0400
"""`S_ATTR_PURE_INSTRUCTIONS` and `S_ATTR_SOME_INSTRUCTIONS`."""
# Of each magic: byte order, size of the header, load command; address and number of
# sections in it; address, size and flags of a section.
_MACHO_LAYOUTS = {
    b"\xce\xfa\xed\xfe": ("<", 28, 0x01, "24xI20xI4x", "32xII16xI8x"),
    b"\xfe\xed\xfa\xce": (">", 28, 0x01, "24xI20xI4x", "32xII16xI8x"),
    b"\xcf\xfa\xed\xfe": ("<", 32, 0x19, "24xQ32xI4x", "32xQQ16xI12x"),
    b"\xfe\xed\xfa\xcf": (">", 32, 0x19, "24xQ32xI4x", "32xQQ16xI12x"),
}

_MSF_MAGIC = b"Microsoft C/C++ MSF 7.00"
_MSF = Struct("<32xI8xI4xI")
_DBI_STREAM = 3
_DBI = Struct("<24x8i8x")
_DBI_BYTES = 64
_SECTION_HEADERS = 5
"""Index in the optional debug header of the DBI stream."""
_NO_STREAM = 0xFFFF
_MIN_BLOCK_BYTES, _MAX_BLOCK_BYTES = 512, 1 << 16
_NO_SIZE = 0xFFFF_FFFF
_NUMBER_BYTES = 4
_STREAM_NUMBER = Struct("<H")
_MAX_READ_BYTES = 8 << 20
"""The directory of a PDB of 4 GiB has 4 MiB."""


def code_sections(path: Path, uuid: UUID) -> list[range]:
    """Return the addresses of each executable section, relative to the module.

    Of a fat Mach-O file, those of the object with this `uuid`. Empty for other formats
    than ELF, Mach-O, PE and PDB, and for malformed files.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(len(_MSF_MAGIC))
        if head.startswith(elf_headers.MAGIC):
            return elf_headers.code_sections(path)
        if not head:
            return []
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                found = list(_sections(path, content, uuid))
            except (struct.error, ValueError, OverflowError):
                return []
    return [section for section in found if section]


def _sections(path: Path, content: mmap.mmap, uuid: UUID) -> Iterator[range]:
    if content[:2] == b"MZ":
        yield from _pe_sections(content)
    elif content[: len(_MSF_MAGIC)] == _MSF_MAGIC:
        yield from _pdb_sections(content)
    else:
        thin = FatSlice(0, len(content))
        for each in fat_macho.slices(path) or [thin]:
            yield from _macho_sections(content, each, uuid)


def _pe_sections(content: mmap.mmap) -> Iterator[range]:
    (start,) = _PE_OFFSET.unpack_from(content)
    magic, count, optional_bytes = _PE_HEADER.unpack_from(content, start)
    if magic == b"PE\0\0":
        table = start + _PE_HEADER.size + optional_bytes
        yield from _executable(content[table : table + count * _PE_SECTION.size])


def _executable(table: bytes) -> Iterator[range]:
    for size, address, flags in _PE_SECTION.iter_unpack(table):
        if flags & _PE_EXECUTABLE:
            yield range(address, address + size)


def _macho_sections(content: mmap.mmap, thin: FatSlice, uuid: UUID) -> Iterator[range]:
    """Yield the executable sections of a thin file, if it has this UUID."""
    layout = _MACHO_LAYOUTS.get(content[thin.offset : thin.offset + 4])
    if layout is None:
        return
    order, header_bytes, segment_command, *tables = layout
    segment, section = (Struct(order + fields) for fields in tables)
    base, table, own_uuid = 0, b"", b""
    for kind, command in _load_commands(content, thin.offset, order, header_bytes):
        if kind == _LC_UUID:
            own_uuid = command[_MACHO_UUID]
        elif kind == segment_command:
            address, count = segment.unpack_from(command)
            table += command[segment.size : segment.size + count * section.size]
            if command[_SEGMENT_NAME].rstrip(b"\0") == b"__TEXT":
                base = address
    for start, size, flags in section.iter_unpack(table):
        if flags & _MACHO_CODE and own_uuid == uuid.bytes:
            yield range(start - base, start - base + size)


def _load_commands(
    content: mmap.mmap, start: int, order: str, header_bytes: int
) -> Iterator[tuple[int, bytes]]:
    count, size_bytes = struct.unpack_from(f"{order}16xII", content, start)
    at = start + header_bytes
    end = at + size_bytes
    command = Struct(order + "II")
    for _ in range(count):
        kind, length = command.unpack_from(content, at)
        if length < command.size or at + length > end:
            return
        yield kind, content[at : at + length]
        at += length


def _pdb_sections(content: mmap.mmap) -> Iterator[range]:
    block_bytes, directory_bytes, map_block = _MSF.unpack_from(content)
    if not _MIN_BLOCK_BYTES <= block_bytes <= _MAX_BLOCK_BYTES:
        return
    map_at = map_block * block_bytes
    map_bytes = -(-directory_bytes // block_bytes) * _NUMBER_BYTES
    blocks = _numbers(content[map_at : map_at + min(map_bytes, _MAX_READ_BYTES)])
    read = _PdbReader(content, block_bytes)
    directory = _numbers(read(blocks, slice(0, directory_bytes)))
    dbi = _stream_blocks(directory, _DBI_STREAM, block_bytes)
    header = read(dbi, slice(0, _DBI_BYTES))
    modules, contributions, places, sources, types, _, _, edits = _DBI.unpack(header)
    at = _DBI_BYTES + modules + contributions + places + sources + types + edits
    at += _SECTION_HEADERS * _STREAM_NUMBER.size
    (number,) = _STREAM_NUMBER.unpack(read(dbi, slice(at, at + _STREAM_NUMBER.size)))
    if number != _NO_STREAM:
        table_blocks = _stream_blocks(directory, number, block_bytes)
        table = read(table_blocks, slice(0, directory[1 + number]))
        yield from _executable(table)


class _PdbReader(NamedTuple):
    """Reads parts of streams, which consist of blocks."""

    content: mmap.mmap
    block_bytes: int

    def __call__(self, blocks: Sequence[int], part: slice) -> bytes:
        """Return a part of a stream, at most `_MAX_READ_BYTES`."""
        size = self.block_bytes
        stop = min(part.stop, part.start + _MAX_READ_BYTES)
        first = part.start // size
        wanted = blocks[first : -(-stop // size)]
        read = b"".join(self.content[at * size : (at + 1) * size] for at in wanted)
        return read[part.start - first * size : stop - first * size]


def _stream_blocks(
    directory: Sequence[int], number: int, block_bytes: int
) -> Sequence[int]:
    """Return the blocks of a stream of a PDB.

    Raises:
        ValueError: there is no such stream.
    """
    count = directory[0] if directory else 0
    if number >= count or count >= len(directory):
        raise ValueError("no such stream")
    sizes = [0 if s == _NO_SIZE else s for s in directory[1 : number + 2]]
    counts = [-(-size // block_bytes) for size in sizes]
    start = 1 + count + sum(counts[:-1])
    return directory[start : start + counts[-1]]


def _numbers(content: bytes) -> Sequence[int]:
    """Return the 32-bit numbers in `content`."""
    whole = len(content) // _NUMBER_BYTES * _NUMBER_BYTES
    return memoryview(content)[:whole].cast("I")
