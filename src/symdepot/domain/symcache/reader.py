"""Read symcaches: look up addresses and function names.

symcaches are written by our own converter, so any process may open them.

Addresses are looked up through symbolic's C interface. Its Python interface calls Rust
twice and creates a dozen objects per function; here the result is unpacked from memory
and each name is decoded once, which triples the addresses per second.
"""

import os
import re
import threading
from collections.abc import Collection, Sequence
from functools import cached_property
from itertools import batched
from pathlib import Path
from struct import Struct
from typing import NamedTuple, Self

from symbolic._lowlevel import ffi, lib
from symbolic.exceptions import Panic, SymbolicError
from symbolic.symcache import SYMCACHE_LATEST_VERSION, SymCache

from symdepot.domain.ids import DebugId
from symdepot.domain.symcache import functions_by_name

FORMAT_VERSION: int = SYMCACHE_LATEST_VERSION
"""The file format that symbolic writes."""

UNKNOWN_FUNCTION = "<unknown>"
"""The name of a function whose name the debug file does not hold.

Source: symbolic's Breakpad parser, which gives it to `FUNC` records without a name.
"""

MAX_FRAMES = 256
"""Functions returned per address; Rust programs have up to 50.

A hostile file of 200 kB may have 8,000 at each address, which take 8 ms to find.
"""

_MAX_FRAMES_PER_ADDRESS = 64
"""On average, in a batch with more than `_MIN_FRAME_BUDGET` functions."""
_MIN_FRAME_BUDGET = 100_000
_MAX_CACHED_NAMES = 20_000
_BATCH_SIZE = 2000
"""Addresses looked up per turn of a thread: about 20 ms."""
_panic_text = re.compile(r"panicked with '(.*)' at ", re.DOTALL).search
_lookup_turn = threading.Lock()

_LOCATION = Struct("@QQI4xQQ?7xQQ?7xQQ?7x")
"""A `SymbolicSourceLocation`: two addresses, a line, and three C strings.

Source: symbolic's `_lowlevel`; a test compares each field's offset.
"""
_NO_ADDRESS = 0xFFFF_FFFF
"""Start address of inlined functions. Source: symbolic-symcache/src/lookup.rs."""
# Resolved once and not per address.
_look_up = lib.symbolic_symcache_lookup
_free = lib.symbolic_lookup_result_free
_address_of = ffi.addressof


class SymbolFrame(NamedTuple):
    """A function at an address: of the program, or inlined into the next frame.

    `function` is the mangled name, or `UNKNOWN_FUNCTION`, never empty. `line` is 0 and `path` empty if unknown.
    `function_address` is the start of the function; None for inlined functions.
    """

    function: str
    path: str
    line: int
    language: str
    function_address: int | None


class OpenSymCache:
    """A symcache file, mapped into memory. Safe to share among threads.

    Decoded names are cached by their address in the file, paths by their bytes: symbolic
    assembles a path anew for each result.
    """

    def __init__(self, symcache: SymCache) -> None:
        self._symcache = symcache
        self._pointer: ffi.CData = symcache._get_objptr()  # type: ignore[no-untyped-call]  # noqa: SLF001 -- symbolic's
        self._names: dict[int, str] = {}
        self._paths: dict[bytes, str] = {}

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map the file at `path`, which may be unlinked afterwards but not written to.

        Raises:
            ValueError: it is not a symcache, or of another format version.
        """
        try:
            opened = SymCache.open(os.fsencode(path))  # type: ignore[no-untyped-call]  # symbolic's
        except SymbolicError as error:
            raise ValueError(one_line_message(error)) from error
        # symbolic reads some older formats, too.
        if opened.version != FORMAT_VERSION:
            raise ValueError(f"a symcache of version {opened.version}")
        return cls(opened)

    @property
    def debug_id(self) -> DebugId:
        """The id of the object that it was made of."""
        return DebugId.parse(self._symcache.debug_id)

    @cached_property
    def arch(self) -> str:
        """The architecture, in symbolic's terms."""
        return str(self._symcache.arch)

    def frames_at(self, addresses: Sequence[int]) -> list[list[SymbolFrame]]:
        """Return the functions at each address relative to the module, innermost first.

        Fastest if the addresses are sorted. Empty for unknown addresses. Beyond
        `MAX_FRAMES`, functions before the outermost are left out. If most addresses of a
        batch are like that, its last ones are not looked up.

        Threads take turns: each lookup releases the GIL for less time than it takes to
        get it back, so two threads at once were half as fast as one.
        """
        found: list[list[SymbolFrame]] = []
        for batch in batched(addresses, _BATCH_SIZE):
            with _lookup_turn:
                found.extend(self._frames_of_batch(batch))
        return found

    def addresses_of(self, names: Collection[str]) -> dict[str, list[int]]:
        """Return the start addresses of functions by their mangled names.

        Several functions may have the same name, and one may be listed repeatedly.
        """
        return functions_by_name.function_addresses(content_of(self._symcache), names)

    def _frames_of_batch(self, addresses: Sequence[int]) -> list[list[SymbolFrame]]:
        if len(self._names) + len(self._paths) > _MAX_CACHED_NAMES:
            self._names, self._paths = {}, {}
        found: list[list[SymbolFrame]] = []
        budget = max(_MIN_FRAME_BUDGET, _MAX_FRAMES_PER_ADDRESS * len(addresses))
        for address in addresses:
            if budget < 0:
                found.append([])
                continue
            result = _look_up(self._pointer, address)
            try:
                count = result.len
                found.append(self._unpack(result.items, count) if count else [])
                budget -= count
            finally:
                # Frees the strings of the result, too.
                _free(_address_of(result))
        return found

    def _unpack(self, items: ffi.CData, count: int) -> list[SymbolFrame]:
        if count > MAX_FRAMES:
            innermost = self._unpack(items, MAX_FRAMES - 1)
            return [*innermost, *self._unpack(items + count - 1, 1)]
        names, paths = self._names, self._paths
        unpack, frame = ffi.unpack, SymbolFrame._make
        frames = []
        content = ffi.buffer(items, count * _LOCATION.size)
        for index, location in enumerate(_LOCATION.iter_unpack(content)):
            start, _, line, lang_at, _, _, name_at, _, _, _, size, _ = location
            path = unpack(items[index].full_path.data, size) if size else b""
            address = None if start == _NO_ADDRESS else start
            try:
                fields = names[name_at], paths[path], line, names[lang_at], address
            except KeyError:
                self._decode(items[index], path)
                fields = names[name_at], paths[path], line, names[lang_at], address
            frames.append(frame(fields))
        return frames

    def _decode(self, item: ffi.CData, path: bytes) -> None:
        """Decode and cache the strings of a location.

        Names are in the mapped file and languages in the library, so their addresses
        are stable. Source: symbolic's `SymCache.lookup`, which frees neither.
        """
        for text in (item.symbol, item.lang):
            name = bytes(ffi.unpack(text.data, text.len)) if text.len else b""
            known = _decoded(name) or UNKNOWN_FUNCTION
            self._names[int(ffi.cast("uintptr_t", text.data))] = known
        self._paths[path] = _decoded(path)


def content_of(symcache: SymCache) -> memoryview:
    """Return the bytes of a symcache, which are valid while `symcache` lives."""
    pointer = symcache._get_objptr()  # type: ignore[no-untyped-call]  # noqa: SLF001 -- symbolic's
    size_bytes = lib.symbolic_symcache_get_size(pointer)
    start = lib.symbolic_symcache_get_bytes(pointer)
    return memoryview(ffi.buffer(start, size_bytes))


def error_message(error: Exception) -> str:
    """Return symbolic's message, without places in its source code."""
    text = error.message if isinstance(error, SymbolicError) else str(error)
    panic = _panic_text(text) if isinstance(error, Panic) else None
    return f"the parser panicked: {panic[1]}" if panic else text


def one_line_message(error: SymbolicError) -> str:
    """Return `error_message` without line breaks."""
    lines = error_message(error).splitlines()
    return ": ".join(line.strip().removeprefix("caused by: ") for line in lines)


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "replace")
