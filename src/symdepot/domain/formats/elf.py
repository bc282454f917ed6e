"""Where in an ELF file a section lies, found without reading the rest of the file.

A stranger's file: whatever its tables say, no more is read than the limits here, and
no place outside the file is ever named.

At which address an ELF file says that it begins.

Libraries and most programs begin at 0, and lie wherever there is room. A program that is
not position independent begins at an address, and whoever tells offsets into it counts
from there, or counts it in.

Source: the System V ABI, chapter 5, "Program Header".

What a file's compressed sections say that they unpack to, before anyone unpacks.

A parser that believes the header of a compressed section allocates what it says, and
its process is gone if it says 64 GiB. Only ELF files have such sections among those
that symbolic unpacks.
"""

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct, error

SECTIONS_LIMIT = 100_000
NAMES_LIMIT_BYTES = 8 << 20
"""More than any linker writes: programs have 40 sections, object files some thousand."""

type Read = Callable[[int, int], bytes]
"""Return so many bytes from so many on, or fewer where the file ends."""

_MAGIC = b"\x7fELF"
_NOBITS = 8
_NULL = 0
_EXTENDED = 0xFFFF


@dataclass(frozen=True, slots=True)
class Section:
    """The bytes of a section: where they begin in the file, and how many they are."""

    start: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one class of ELF files writes its header and its sections.

    Source: the System V ABI, chapter 4, "ELF Header" and "Sections".
    """

    header: Struct
    section: Struct

    @classmethod
    def of(cls, ident: bytes) -> "_Shape | None":
        order = {1: "<", 2: ">"}.get(ident[5])
        shapes = {1: ("32xI10xHHH", "IIIIIII12x"), 2: ("40xQ10xHHH", "IIQQQQI20x")}
        formats = shapes.get(ident[4])
        if order is None or formats is None:
            return None
        return cls(*(Struct(order + written) for written in formats))


def find_section(read: Read, size_bytes: int, name: str) -> Section | None:
    """Return where the section called `name` lies in a file of so many bytes.

    None if there is none, if it has no bytes in this file (as the code in a companion
    of debug information), or if the file is not as ELF files are.
    """
    wanted = name.encode(errors="surrogatepass") + b"\0"
    try:
        names, sections = _tables(read)
    except (error, ValueError):
        return None
    for at, kind, start, size in sections:
        if name and kind not in {_NULL, _NOBITS} and names.startswith(wanted, at):
            inside = start <= size_bytes and size <= size_bytes - start
            return Section(start, size) if inside else None
    return None


def _tables(read: Read) -> tuple[bytes, Iterator[tuple[int, int, int, int]]]:
    """Return the names, and of each section its name's place, type, place and size.

    Raises:
        ValueError: it is no ELF file, or larger than the limits.
        struct.error: it ends too early.
    """
    head = read(0, 64)
    shape = _Shape.of(head) if head.startswith(_MAGIC) and len(head) > 5 else None  # noqa: PLR2004 -- the class and order are bytes 4 and 5
    if shape is None:
        raise ValueError("no ELF file")
    start, entry_bytes, count, names_at = shape.header.unpack_from(head)
    if entry_bytes != shape.section.size:
        raise ValueError("sections of an unknown form")
    first = shape.section.unpack(read(start, entry_bytes))
    count = count or first[5]
    names_at = first[6] if names_at == _EXTENDED else names_at
    if not names_at < count <= SECTIONS_LIMIT:
        raise ValueError("too many sections, or none with names")
    table = read(start, count * entry_bytes)
    _, _, _, _, names_start, names_bytes, _ = shape.section.unpack_from(
        table, names_at * entry_bytes
    )
    if names_bytes > NAMES_LIMIT_BYTES:
        raise ValueError("too many names")
    whole = table[: len(table) // entry_bytes * entry_bytes]
    rows = shape.section.iter_unpack(whole)
    return read(names_start, names_bytes), (
        (at, kind, begin, size) for at, kind, _, _, begin, size, _ in rows
    )


HEAD_BYTES = 8192
"""Linkers put the program headers right after the file's own."""

_LOAD = 1
# Of the class: where in the file's header its program headers are told, and one of these.
_SHAPES = {1: ("28xI10xHH", "III"), 2: ("32xQ14xHH", "I4xQQ")}


def load_address(head: bytes) -> int:
    """Return the address of the first segment, from the first bytes of a file.

    0 if it is no ELF file, or not as they are.
    """
    try:
        addresses = [at for kind, at in _segments(head) if kind == _LOAD]
    except (error, IndexError, KeyError, OverflowError):
        return 0
    return addresses[0] if addresses else 0


def _segments(head: bytes) -> Iterator[tuple[int, int]]:
    """Yield the type and the address of each segment."""
    if not head.startswith(_MAGIC):
        return
    order = {1: "<", 2: ">"}[head[5]]
    in_header, one = (Struct(order + shape) for shape in _SHAPES[head[4]])
    start, entry_bytes, count = in_header.unpack_from(head)
    for at in range(start, start + entry_bytes * count, max(entry_bytes, 1)):
        kind, _, address = one.unpack_from(head, at)
        yield kind, address


_NO_BITS = 8
_COMPRESSED = 0x800
_GNU_PREFIX = b".zdebug"
_GNU_MAGIC = b"ZLIB"
_GNU_SIZE = Struct(">Q")


def decompressed_size(path: Path) -> int:
    """Return how many bytes the compressed sections of a file say they unpack to.

    0 for what is no ELF file, has no such sections, or is cut short: whoever parses
    it says so better. Costs a look at the section headers, however large the file.

    Source: the ELF gABI, "Section Compression" (`Elf64_Chdr.ch_size`); for the older
    `.zdebug_*`, symbolic-debuginfo/src/elf.rs, `decompress_section`.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return sum(_promises(content))
            except error:
                return 0


@dataclass(frozen=True, slots=True)
class _Section:
    name: int
    type: int
    flags: int
    offset: int
    size: int
    link: int


class _Shapes:
    """The structures of one ELF class and byte order."""

    def __init__(self, *, wide: bool, little_endian: bool) -> None:
        order = "<" if little_endian else ">"
        self.header = Struct(
            order + ("16xHHIQQQIHHHHHH" if wide else "16xHHIIIIIHHHHHH")
        )
        self.section = Struct(order + ("IIQQQQIIQQ" if wide else "10I"))
        self.compression = Struct(order + ("IIQQ" if wide else "III"))

    def sections(
        self, content: mmap.mmap, start: int, count: int
    ) -> Iterator[_Section]:
        table = content[start : start + count * self.section.size]
        whole = len(table) - len(table) % self.section.size
        for fields in self.section.iter_unpack(table[:whole]):
            name, kind, flags, _, offset, size, link = fields[:7]
            yield _Section(name, kind, flags, offset, size, link)

    def first(self, content: mmap.mmap, start: int) -> _Section:
        for section in self.sections(content, start, 1):
            return section
        raise error


def _promises(content: mmap.mmap) -> Iterator[int]:
    shapes = _Shapes(
        wide=content[4:5] == b"\x02", little_endian=content[5:6] == b"\x01"
    )
    fields = shapes.header.unpack_from(content)
    start, count, names_index = fields[5], fields[-2], fields[-1]
    if not start:
        return
    # Numbers that do not fit the header stand in the first section.
    count = count or shapes.first(content, start).size
    if names_index == _EXTENDED:
        names_index = shapes.first(content, start).link
    names = shapes.first(content, start + names_index * shapes.section.size).offset
    for section in shapes.sections(content, start, count):
        if section.type != _NO_BITS and _is_compressed(content, section, names):
            yield _promise(content, section, shapes.compression)


def _is_compressed(content: mmap.mmap, section: _Section, names: int) -> bool:
    if section.flags & _COMPRESSED:
        return True
    name = names + section.name
    return content[name : name + len(_GNU_PREFIX)] == _GNU_PREFIX


def _promise(content: mmap.mmap, section: _Section, compression: Struct) -> int:
    length = min(compression.size, section.size)
    head = content[section.offset : section.offset + length]
    if head.startswith(_GNU_MAGIC):
        return int(_GNU_SIZE.unpack_from(head, len(_GNU_MAGIC))[0])
    if len(head) < compression.size:
        return 0
    return int(compression.unpack(head)[-2])
