"""Where in an ELF file a section lies, found without reading the rest of the file.

A stranger's file: whatever its tables say, no more is read than the limits here, and
no place outside the file is ever named.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


def find(read: Read, size_bytes: int, name: str) -> Section | None:
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
