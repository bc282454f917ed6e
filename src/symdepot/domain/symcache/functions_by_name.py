"""Find the start addresses of functions in a symcache by name.

Kernel logs name a function and an offset instead of an address. Symcaches have no index
of names, so the function table is scanned: 60 ms for 100,000 functions.
"""

from collections.abc import Collection, Iterator
from struct import error

from symdepot.domain.symcache import tables


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
    layout = tables.read_tables(symcache)
    size_bytes = layout.functions * tables.FUNCTION.size
    functions = symcache[layout.functions_at :][:size_bytes]
    strings = symcache[layout.strings_at :][: layout.string_bytes]
    for name_at, _, address, _ in tables.FUNCTION.iter_unpack(functions):
        if address != tables.NONE:
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
