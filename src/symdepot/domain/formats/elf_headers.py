"""Reads headers and section tables of ELF files, without a native parser.

The files come from strangers: reads are bounded, and no result reaches out of the file.

Source: the System V ABI, chapter 4, "ELF Header" and "Sections", and chapter 5, "Program
Header".
"""

import mmap
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

MAGIC = b"\x7fELF"
HEAD_BYTES = 8192
"""Enough for `load_address`: linkers put the program headers after the file header."""
MAX_SECTIONS = 100_000
MAX_NAMES_BYTES = 8 << 20
"""More than any linker writes: programs have 40 sections, object files some thousand."""

TYPE_CORE = 4
_PROGRAM_KINDS = {2: "exe", 3: "lib"}
COMPANION = "dbg"

type Read = Callable[[int, int], bytes]
"""`read(start, size)` returns so many bytes, or fewer at the end of the file."""

_HEADER_BYTES = 64
_CLASS, _BYTE_ORDER = 4, 5
_EXTENDED = 0xFFFF
_LOAD = 1
_NULL, _PROGBITS, _NOBITS = 0, 1, 8
_ALLOCATED, _EXECUTABLE = 2, 4
_COMPRESSED = 0x800
_GNU_PREFIX = b".zdebug"
_GNU_MAGIC = b"ZLIB"
_GNU_SIZE = Struct(">Q")


@dataclass(frozen=True, slots=True)
class Section:
    """The bytes of a section: offset in the file, and size."""

    start: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ElfHeader:
    """The file header, and the layout of the tables that it points to.

    A segment is `(type, address)`; a compression header is `(size,)`.
    """

    type: int
    segments_start: int
    sections_start: int
    segment_bytes: int
    segment_count: int
    section_bytes: int
    section_count: int
    names_index: int
    segment: Struct
    section: Struct
    compression: Struct


@dataclass(frozen=True, slots=True)
class _SectionHeader:
    """An entry of the section table. `name`: offset in the section of names."""

    name: int
    type: int
    flags: int
    address: int
    start: int
    size_bytes: int
    link: int


# Of each class: file header, program header, section header, compression header.
_LAYOUTS = {
    1: ("16xH2x4x4xII4x2xHHHHH", "I4xI", "IIIIIII12x", "4xI4x"),
    2: ("16xH2x4x8xQQ4x2xHHHHH", "I4x8xQ", "IIQQQQI20x", "8xQ8x"),
}


def read_header(head: bytes) -> ElfHeader | None:
    """Return the file header from the first bytes of a file; None if it is not ELF.

    Bytes that are missing in `head` are read as zeros. Any byte order but 1 is big
    endian, as symbolic's parser (goblin) reads it.
    """
    if not head.startswith(MAGIC) or len(head) <= _BYTE_ORDER:
        return None
    layout = _LAYOUTS.get(head[_CLASS])
    if layout is None:
        return None
    order = "<" if head[_BYTE_ORDER] == 1 else ">"
    header, *tables = (Struct(order + fields) for fields in layout)
    fields = header.unpack_from(head[:_HEADER_BYTES].ljust(_HEADER_BYTES, b"\0"))
    return ElfHeader(*fields, *tables)


def load_address(head: bytes) -> int:
    """Return the address of the first loaded segment, from the first bytes of a file.

    0 for position-independent programs and libraries, and for files that are not ELF or
    malformed.
    """
    header = read_header(head)
    if header is None:
        return 0
    stride = max(header.segment_bytes, 1)
    end = header.segments_start + header.segment_bytes * header.segment_count
    try:
        segments = [
            header.segment.unpack_from(head, at)
            for at in range(header.segments_start, end, stride)
        ]
    except (struct.error, OverflowError):
        return 0
    return next((address for kind, address in segments if kind == _LOAD), 0)


def find_section(read: Read, size_bytes: int, name: str) -> Section | None:
    """Return the section called `name` in a file of `size_bytes`.

    None if there is none, if the file has no bytes of it (as the code in a debug
    companion), or if the file is malformed or exceeds the limits.
    """
    header = read_header(read(0, _HEADER_BYTES))
    if header is None or header.section_bytes != header.section.size or not name:
        return None
    try:
        names_section, sections = _read_sections(read, header, MAX_SECTIONS)
    except (struct.error, ValueError):
        return None
    is_bounded = names_section.size_bytes <= MAX_NAMES_BYTES
    names = read(names_section.start, names_section.size_bytes) if is_bounded else b""
    encoded_name = name.encode(errors="surrogatepass") + b"\0"
    for section in sections:
        has_bytes = section.type not in {_NULL, _NOBITS}
        if has_bytes and names.startswith(encoded_name, section.name):
            found = Section(section.start, section.size_bytes)
            return found if found.start + found.size_bytes <= size_bytes else None
    return None


def program_kind(path: Path) -> str | None:
    """Return whether an ELF file is a program (`exe`), a library, or a companion (`dbg`).

    A companion has the sections of the program without their bytes: no allocated
    section is PROGBITS. A file without section table is no companion. `lib` is anything
    position-independent. None for relocatable files, core files, and malformed ones.

    Source: elfutils' debuginfod, which serves all that have such a section as
    `executable`; the tests compare with it.
    """
    with path.open("rb") as file:

        def read(start: int, size: int) -> bytes:
            file.seek(start)
            return file.read(size)

        header = read_header(read(0, _HEADER_BYTES))
        kind = None if header is None else _PROGRAM_KINDS.get(header.type)
        if header is None or kind is None or not header.sections_start:
            return kind
        try:
            _, sections = _read_sections(read, header, MAX_SECTIONS)
        except (struct.error, ValueError, OverflowError):
            return None
    has_bytes = any(s.type == _PROGBITS and s.flags & _ALLOCATED for s in sections)
    return kind if has_bytes else COMPANION


def code_sections(path: Path) -> list[range]:
    """Return the addresses of each executable section, relative to the load address.

    A companion states them, too. Empty for files without section table, and for files
    that are not ELF or malformed.
    """
    with path.open("rb") as file:

        def read(start: int, size: int) -> bytes:
            file.seek(start)
            return file.read(size)

        base = load_address(read(0, HEAD_BYTES))
        header = read_header(read(0, _HEADER_BYTES))
        if header is None:
            return []
        try:
            _, sections = _read_sections(read, header, MAX_SECTIONS)
        except (struct.error, ValueError, OverflowError):
            return []
    wanted = _ALLOCATED | _EXECUTABLE
    return [
        range(section.address - base, section.address - base + section.size_bytes)
        for section in sections
        if section.flags & wanted == wanted and section.size_bytes
    ]


def decompressed_size(path: Path) -> int:
    """Return the size in bytes that compressed sections claim to decompress to.

    A parser that believes a claim of 64 GiB allocates it, and its process is killed.
    0 for files that are not ELF, have no such sections, or are malformed: the parser
    reports that better. Reads only the section headers. Of the formats that symbolic
    decompresses, only ELF has such sections.

    Source: the ELF gABI, "Section Compression" (`Elf64_Chdr.ch_size`); for the older
    `.zdebug_*`, symbolic-debuginfo/src/elf.rs, `decompress_section`.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return sum(_claimed_sizes(content))
            except (struct.error, ValueError):
                return 0


def _read_sections(
    read: Read, header: ElfHeader, max_sections: int
) -> tuple[_SectionHeader, Iterator[_SectionHeader]]:
    """Return the section of names, and all sections.

    Raises:
        ValueError: there are no sections, or more than `max_sections`.
        struct.error: the file ends before the table, or before the section of names.
    """
    start, entry = header.sections_start, header.section
    if not start:
        raise ValueError("no sections")
    first = _SectionHeader(*entry.unpack(read(start, entry.size)))
    # Numbers that do not fit the file header are in the first section header.
    count = header.section_count or first.size_bytes
    is_extended = header.names_index == _EXTENDED
    names_index = first.link if is_extended else header.names_index
    if count > max_sections:
        raise ValueError("too many sections")
    names = entry.unpack(read(start + names_index * entry.size, entry.size))
    table = read(start, count * entry.size)
    whole = table[: len(table) // entry.size * entry.size]
    sections = (_SectionHeader(*fields) for fields in entry.iter_unpack(whole))
    return _SectionHeader(*names), sections


def _claimed_sizes(content: mmap.mmap) -> Iterator[int]:
    def read(start: int, size: int) -> bytes:
        return content[start : start + size]

    header = read_header(read(0, _HEADER_BYTES))
    if header is None:
        return
    # No limit but the size of the file: the parser reads all of the table, too.
    names, sections = _read_sections(read, header, sys.maxsize)
    for section in sections:
        name = read(names.start + section.name, len(_GNU_PREFIX))
        is_compressed = section.flags & _COMPRESSED or name == _GNU_PREFIX
        if section.type != _NOBITS and is_compressed:
            size = min(header.compression.size, section.size_bytes)
            yield _claimed_size(read(section.start, size), header.compression)


def _claimed_size(head: bytes, compression: Struct) -> int:
    if head.startswith(_GNU_MAGIC):
        return int(_GNU_SIZE.unpack_from(head, len(_GNU_MAGIC))[0])
    if len(head) < compression.size:
        return 0
    return int(compression.unpack(head)[0])
