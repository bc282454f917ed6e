"""Looks addresses up in a symcache by symbolic's C interface, past its Python one.

That one calls Rust twice and makes a dozen objects for each function that it tells.
Here a result is read as the bytes that it is, and each name is decoded once: three
times as many addresses a second.
"""

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from symbolic._lowlevel import ffi, lib
from symbolic.symcache import SymCache

_LOCATION = Struct("@QQI4xQQ?7xQQ?7xQQ?7x")
"""A `SymbolicSourceLocation`: two addresses, a line, and three strings of C.

Source: symbolic's `_lowlevel`; a test compares each field's place.
"""
_MOST_NAMES = 65_536
"""How many of a symcache's names are remembered."""
_NOWHERE = 0xFFFF_FFFF
"""Where inlined functions begin. Source: symbolic-symcache/src/lookup.rs."""


class Frame(NamedTuple):
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


class Lookups:
    """Answers from one open symcache. Any number of threads may ask.

    Names are told apart by where they lie in the file, which is mapped as long as this
    lives; paths are put together for each answer, and told apart by what they say.
    """

    def __init__(self, symcache: SymCache) -> None:
        self._symcache = symcache
        self._names: dict[int, str] = {}
        self._paths: dict[bytes, str] = {}

    def frames(self, addresses: Sequence[int]) -> list[list[Frame]]:
        """Return the functions at each address, innermost first.

        Addresses that follow each other are found quickest.
        """
        if len(self._names) + len(self._paths) > _MOST_NAMES:
            self._names, self._paths = {}, {}
        pointer = self._symcache._get_objptr()  # type: ignore[no-untyped-call]  # noqa: SLF001 -- symbolic's
        found = []
        for address in addresses:
            result = lib.symbolic_symcache_lookup(pointer, address)
            try:
                found.append(list(self._told(result.items, result.len)))
            finally:
                lib.symbolic_lookup_result_free(ffi.addressof(result))
        return found

    def _told(self, items: ffi.CData, count: int) -> Iterator[Frame]:
        names = self._names.get
        content = ffi.buffer(items, count * _LOCATION.size) if count else b""
        for index, told in enumerate(_LOCATION.iter_unpack(content)):
            begins, _, line, language_at, _, _, name_at, _, _, _, path_bytes, _ = told
            item = items[index]
            yield Frame(
                names(name_at) or self._name(item.symbol),
                self._path(item.full_path, path_bytes),
                line,
                names(language_at) or self._name(item.lang),
                None if begins == _NOWHERE else begins,
            )

    def _name(self, said: ffi.CData) -> str:
        """Decode a string, and remember it if it stays where it is."""
        name = _text(bytes(ffi.unpack(said.data, said.len))) if said.len else ""
        if not said.owned:
            self._names[int(ffi.cast("uintptr_t", said.data))] = name
        return name

    def _path(self, said: ffi.CData, length: int) -> str:
        content = bytes(ffi.unpack(said.data, length)) if length else b""
        path = self._paths.get(content)
        if path is None:
            path = self._paths[content] = _text(content)
        return path


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
