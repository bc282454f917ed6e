"""Symcaches: a debug file made ready for looking addresses up, and the looking up.

Making one reads a stranger's file to the end, which may end the process that does it:
the server makes them through `sandbox` alone. What comes out is ours, and is read in
any process.
"""

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from symbolic.debuginfo import Archive, Object
from symbolic.exceptions import IoError, Panic, SymbolicError
from symbolic.symcache import SYMCACHE_LATEST_VERSION, SymCache

from symdepot.domain.conversion import Conversion, Made, NotMade, Wanted
from symdepot.domain.ids import DebugId

FORMAT_VERSION: int = SYMCACHE_LATEST_VERSION
"""The file format that symbolic writes."""

_NOWHERE = 0xFFFF_FFFF
"""Where inlined functions begin. Source: symbolic-symcache/src/lookup.rs."""
_BLOCK_BYTES = 1024 * 1024
_panic_text = re.compile(r"panicked with '(.*)' at ", re.DOTALL).search
_NO_SUCH_OBJECT = "The file holds no object of this id and architecture."


@dataclass(frozen=True, slots=True)
class Frame:
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


def convert(source: Path, wanted: Wanted, into: Path) -> Conversion:
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
            return NotMade(_NO_SUCH_OBJECT)
        symcache = found.make_symcache()
    except IoError as error:
        raise OSError(_text(error)) from error
    except SymbolicError as error:
        return NotMade(_text(error))
    content = symcache.open_stream()  # type: ignore[no-untyped-call]  # symbolic's
    with into.open("r+b", buffering=0) as out:
        shutil.copyfileobj(content, out, _BLOCK_BYTES)
    return Made(symbols_only="debug" not in found.features)


class OpenSymCache:
    """A symcache on disk, mapped into memory. Not to be shared among threads."""

    def __init__(self, symcache: SymCache) -> None:
        self._symcache = symcache

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
        return cls(opened)

    @property
    def debug_id(self) -> DebugId:
        """The id of the object that it was made of."""
        return DebugId.parse(self._symcache.debug_id)

    @property
    def arch(self) -> str:
        """The architecture, in symbolic's words."""
        return str(self._symcache.arch)

    def frames(self, address: int) -> list[Frame]:
        """Return the functions at an address relative to the image, innermost first.

        Empty if nothing is known of the address.
        """
        found = self._symcache.lookup(address)  # type: ignore[no-untyped-call]  # symbolic's
        return [
            Frame(
                function=place.symbol,
                path=place.full_path or "",
                line=place.line,
                language=place.lang,
                function_address=_known(place.sym_addr),
            )
            for place in found
        ]


def _known(address: int) -> int | None:
    return None if address == _NOWHERE else address


def _chosen(objects: Iterable[Object], wanted: Wanted) -> Object | None:
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
