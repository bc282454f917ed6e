"""Find the start addresses of functions in a symcache by name.

Kernel logs name a function and an offset instead of an address. Symcaches have no index
of names, so the function table is scanned: 60 ms for 100,000 functions.

Source: symbolic-symcache/src/v9/raw.rs and mod.rs; a test compares with lookups.
"""

from collections.abc import Collection, Iterator
from struct import Struct, error

_PREAMBLE_BYTES = 8
_HEADER = Struct("<32sIIIIII")
_HEADER_BYTES = 72
_FUNCTION = Struct("<IIII")
_FILE_BYTES, _LOCATION_BYTES, _RANGE_BYTES = 24, 16, 4
_NO_ADDRESS = 0xFFFF_FFFF
"""Start address of inlined functions."""


def function_addresses(
    symcache: memoryview, names: Collection[str]
) -> dict[str, list[int]]:
    """Return the start addresses of `names`, relative to the module.

    A list is empty if there is no such function.
    """
    found: dict[str, list[int]] = {name: [] for name in names}
    wanted = {_encoded(name): found[name] for name in names}
    if not wanted:
        return found
    try:
        for name, address in _functions(symcache, {len(key) for key in wanted}):
            if name in wanted:
                wanted[name].append(address)
    except (error, IndexError):  # of another layout
        return {name: [] for name in names}
    return found


def _functions(symcache: memoryview, sizes: set[int]) -> Iterator[tuple[bytes, int]]:
    """Yield functions whose length-prefixed names have one of `sizes` in bytes."""
    header = _HEADER.unpack_from(symcache, _PREAMBLE_BYTES)
    _, _, files, functions, locations, ranges, string_bytes = header
    begin = _aligned(_PREAMBLE_BYTES + _HEADER_BYTES) + files * _FILE_BYTES
    table = symcache[_aligned(begin) :][: functions * _FUNCTION.size]
    end = _aligned(_aligned(begin) + len(table)) + locations * _LOCATION_BYTES
    strings_at = _aligned(_aligned(end) + ranges * _RANGE_BYTES)
    strings = symcache[strings_at:][:string_bytes]
    for name_at, _, address, _ in _FUNCTION.iter_unpack(table):
        if address != _NO_ADDRESS:
            size = _size(strings, name_at)
            if size in sizes:
                yield bytes(strings[name_at : name_at + size]), address


def _size(strings: memoryview, at: int) -> int:
    """Return the size in bytes of a string including its LEB128 length."""
    length = shift = 0
    while True:
        byte = strings[at + shift]
        length |= (byte & 0x7F) << (7 * shift)
        shift += 1
        if byte < 0x80:  # noqa: PLR2004 -- the last byte of a length
            return shift + length


def _encoded(name: str) -> bytes:
    """Return a name as in the string table, after its LEB128 length."""
    content = name.encode(errors="replace")
    left, length = len(content), bytearray()
    while True:
        byte, left = left & 0x7F, left >> 7
        length.append(byte | (0x80 if left else 0))
        if not left:
            return bytes(length) + content


def _aligned(offset: int) -> int:
    return -(-offset // 8) * 8
