"""At which address an ELF file says that it begins.

Libraries and most programs begin at 0, and lie wherever there is room. A program that is
not position independent begins at an address, and whoever tells offsets into it counts
from there, or counts it in.

Source: the System V ABI, chapter 5, "Program Header".
"""

from collections.abc import Iterator
from struct import Struct, error

HEAD_BYTES = 8192
"""Linkers put the program headers right after the file's own."""

_MAGIC = b"\x7fELF"
_LOAD = 1
# Of the class: where in the file's header its program headers are told, and one of these.
_SHAPES = {1: ("28xI10xHH", "III"), 2: ("32xQ14xHH", "I4xQQ")}


def begins_at(head: bytes) -> int:
    """Return the address of the first segment, from the first bytes of a file.

    0 if it is no ELF file, or not as they are.
    """
    try:
        addresses = [at for kind, at in _segments(head) if kind == _LOAD]
    except (error, IndexError, KeyError):
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
