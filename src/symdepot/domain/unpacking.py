"""What a file's compressed sections say that they unpack to, before anyone unpacks.

A parser that believes the header of a compressed section allocates what it says, and
its process is gone if it says 64 GiB. Only ELF files have such sections among those
that symbolic unpacks.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct, error

_MAGIC = b"\x7fELF"
_NO_BITS = 8
_COMPRESSED = 0x800
_GNU_PREFIX = b".zdebug"
_GNU_MAGIC = b"ZLIB"
_GNU_SIZE = Struct(">Q")
_EXTENDED = 0xFFFF


def promised_bytes(path: Path) -> int:
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
