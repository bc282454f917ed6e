"""Symcaches: a debug file made ready for looking addresses up, and the looking up.

Making one reads a stranger's file to the end, which may end the process that does it:
the server makes them through `sandbox` alone. What comes out is ours, and is read in
any process.
"""

import os
import re
import shutil
import threading
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from io import RawIOBase
from itertools import batched
from pathlib import Path
from typing import Self

from symbolic.debuginfo import Archive, Object
from symbolic.exceptions import IoError, Panic, SymbolicError
from symbolic.symcache import SYMCACHE_LATEST_VERSION, SymCache

from symdepot.domain.ids import DebugId
from symdepot.domain.symcache import address_lookup, functions_by_name
from symdepot.domain.symcache.address_lookup import AddressLookup, SymbolFrame
from symdepot.domain.symcache.conversion import (
    Conversion,
    ConversionFailed,
    ObjectSelector,
    SymCacheWritten,
)

FORMAT_VERSION: int = SYMCACHE_LATEST_VERSION
"""The file format that symbolic writes."""

_FILES_AT = 44
"""Where a symcache says how many files it names."""
_TURNS = threading.Lock()
_ADDRESSES_A_TURN = 2000
"""So many take a fiftieth of a second."""
_BLOCK_BYTES = 1024 * 1024
_panic_text = re.compile(r"panicked with '(.*)' at ", re.DOTALL).search
_NO_SUCH_OBJECT = "The file holds no object of this id and architecture."


def convert(source: Path, wanted: ObjectSelector, into: Path) -> Conversion:
    """Write the symcache of one object in `source` to the file `into`, which exists.

    Raises:
        OSError: the source cannot be read, or `into` not be written.
        MemoryError: there was not enough memory.
    """
    try:
        # Not `from_bytes`: it keeps no reference to the bytes that it reads later.
        archive = Archive.open(os.fsencode(source))
        found = _chosen(archive.iter_objects(), wanted)
        if found is None:
            return ConversionFailed(_NO_SUCH_OBJECT)
        symcache = found.make_symcache()
    except IoError as error:
        raise OSError(_text(error)) from error
    except SymbolicError as error:
        return ConversionFailed(_text(error))
    content = symcache.open_stream()  # type: ignore[no-untyped-call]  # symbolic's
    with into.open("r+b", buffering=0) as out:
        shutil.copyfileobj(content, out, _BLOCK_BYTES)
        return SymCacheWritten(symbols_only=not _names_files(out))


class OpenSymCache:
    """A symcache on disk, mapped into memory. Any number of threads may ask it."""

    def __init__(self, symcache: SymCache) -> None:
        self._symcache = symcache
        self._lookups = AddressLookup(symcache)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map the file at `path`, which may be unlinked afterwards but not written to.

        Raises:
            ValueError: it is no symcache, or of another format version.
        """
        try:
            opened = SymCache.open(os.fsencode(path))  # type: ignore[no-untyped-call]  # symbolic's
        except SymbolicError as error:
            raise ValueError(_text(error)) from error
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
        """The architecture, in symbolic's words."""
        return str(self._symcache.arch)

    def frames(self, address: int) -> list[SymbolFrame]:
        """Return the functions at an address relative to the image, innermost first.

        Empty if nothing is known of the address.
        """
        return self.frames_at([address])[0]

    def frames_at(self, addresses: Sequence[int]) -> list[list[SymbolFrame]]:
        """Return the same for each of many addresses, quickest if they are in order.

        Threads take turns: each lookup lets go of Python's lock for less time than it
        takes to get it back, so that two threads at once got half as much done as one.
        """
        found: list[list[SymbolFrame]] = []
        for some in batched(addresses, _ADDRESSES_A_TURN):
            with _TURNS:
                found.extend(self._lookups.frames(some))
        return found

    def addresses_of(self, names: Collection[str]) -> dict[str, list[int]]:
        """Return where functions of these names begin, each as the compiler wrote it.

        Several functions may have a name, and one may be listed more than once.
        """
        return functions_by_name.addresses(
            address_lookup.content(self._symcache), names
        )


def _names_files(symcache: RawIOBase) -> bool:
    """Return whether anything is known but functions.

    What a file is said to have proves nothing: with `-gsplit-dwarf`, its debug
    information is in the files `.dwo` that it names.

    Source: symbolic-symcache/src/raw.rs, `Header`.
    """
    symcache.seek(_FILES_AT)
    return any(symcache.read(4) or b"")


def _chosen(objects: Iterable[Object], wanted: ObjectSelector) -> Object | None:
    """Return the object that is wanted; an id that a client corrected has its UUID."""
    for o in objects:
        if o.arch == wanted.arch and (
            DebugId.parse(o.debug_id).uuid == wanted.debug_id.uuid
        ):
            return o
    return None


def _text(error: SymbolicError) -> str:
    """Return what symbolic says in one line, without the places in its sources."""
    panic = _panic_text(error.message) if isinstance(error, Panic) else None
    if panic:
        return f"the parser panicked: {panic[1]}"
    return ": ".join(
        line.strip().removeprefix("caused by: ") for line in error.message.splitlines()
    )
