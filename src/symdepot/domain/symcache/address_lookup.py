"""Looks addresses up in a symcache by symbolic's C interface, past its Python one.

That one calls Rust twice and makes a dozen objects for each function that it tells.
Here a result is read as the bytes that it is, and each name is decoded once: three
times as many addresses a second.
"""

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

from symbolic._lowlevel import ffi, lib
from symbolic.symcache import SymCache

_LOCATION = Struct("@QQI4xQQ?7xQQ?7xQQ?7x")
"""A `SymbolicSourceLocation`: two addresses, a line, and three strings of C.

Source: symbolic's `_lowlevel`; a test compares each field's place.
"""
MOST_FRAMES = 256
"""How many functions are told at one address; programs of Rust have up to 50.

A stranger's file of 200 kB may have 8,000 at each, which take 8 ms to find.
"""
_PATIENCE = 64
"""How many functions an address may have on average, once it is many addresses."""
_MANY_FUNCTIONS = 100_000
_MOST_NAMES = 20_000
"""How many of a symcache's names are remembered."""
_NOWHERE = 0xFFFF_FFFF
"""Where inlined functions begin. Source: symbolic-symcache/src/lookup.rs."""
# Found once, and not for each of ten thousand addresses.
_look_up = lib.symbolic_symcache_lookup
_free = lib.symbolic_lookup_result_free
_address_of = ffi.addressof


class SymbolFrame(NamedTuple):
    """A function at an address: of the program, or inlined into the next frame.

    `function` is the name as the compiler wrote it, not demangled; `line` is 0 and
    `path` empty where nothing is known. `function_address` is where it begins, if it is
    one of the program's own.
    """

    function: str
    path: str
    line: int
    language: str
    function_address: int | None


def content(symcache: SymCache) -> memoryview:
    """Return the bytes of an open symcache, which is mapped as long as it lives."""
    pointer = symcache._get_objptr()  # type: ignore[no-untyped-call]  # noqa: SLF001 -- symbolic's
    size_bytes = lib.symbolic_symcache_get_size(pointer)
    return memoryview(ffi.buffer(lib.symbolic_symcache_get_bytes(pointer), size_bytes))


class AddressLookup:
    """Answers from one open symcache. Any number of threads may ask.

    Names are told apart by where they lie in the file, which is mapped as long as this
    lives; paths are put together for each answer, and told apart by what they say.
    """

    def __init__(self, symcache: SymCache) -> None:
        self._symcache = symcache
        self._names: dict[int, str] = {}
        self._paths: dict[bytes, str] = {}

    def frames(self, addresses: Sequence[int]) -> list[list[SymbolFrame]]:
        """Return the functions at each address, innermost first.

        Of more than `MOST_FRAMES`, those before the outermost are left out; and if all
        addresses are like that, the last ones are not looked up. Addresses that follow
        each other are found quickest.
        """
        if len(self._names) + len(self._paths) > _MOST_NAMES:
            self._names, self._paths = {}, {}
        pointer = self._symcache._get_objptr()  # type: ignore[no-untyped-call]  # noqa: SLF001 -- symbolic's
        found: list[list[SymbolFrame]] = []
        left = max(_MANY_FUNCTIONS, _PATIENCE * len(addresses))
        for address in addresses:
            if left < 0:
                found.append([])
                continue
            result = _look_up(pointer, address)
            try:
                count = result.len
                found.append(self._told(result.items, count) if count else [])
                left -= count
            finally:
                # The strings of the result go with it.
                _free(_address_of(result))
        return found

    def _told(self, items: ffi.CData, count: int) -> list[SymbolFrame]:
        if count > MOST_FRAMES:
            innermost = self._told(items, MOST_FRAMES - 1)
            return [*innermost, *self._told(items + count - 1, 1)]
        names, paths, unpack, frame = (
            self._names,
            self._paths,
            ffi.unpack,
            SymbolFrame._make,
        )
        frames = []
        content = ffi.buffer(items, count * _LOCATION.size)
        for index, told in enumerate(_LOCATION.iter_unpack(content)):
            begins, _, line, language_at, _, _, name_at, _, _, _, path_bytes, _ = told
            path = (
                unpack(items[index].full_path.data, path_bytes) if path_bytes else b""
            )
            start = None if begins == _NOWHERE else begins
            try:
                named = names[name_at], paths[path], line, names[language_at], start
            except KeyError:
                self._learn(items[index], path)
                named = names[name_at], paths[path], line, names[language_at], start
            frames.append(frame(named))
        return frames

    def _learn(self, item: ffi.CData, path: bytes) -> None:
        """Decode what a location says, and remember it.

        Names are parts of the symcache, and languages of the program: neither moves.
        Source: symbolic's `SymCache.lookup`, which frees neither.
        """
        for said in (item.symbol, item.lang):
            name = bytes(ffi.unpack(said.data, said.len)) if said.len else b""
            self._names[int(ffi.cast("uintptr_t", said.data))] = _text(name)
        self._paths[path] = _text(path)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
