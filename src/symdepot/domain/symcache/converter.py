"""Convert an object of a debug file to a symcache with symbolic.

This parses an untrusted file in native code, so only `symdepot.sandbox` imports it.
"""

import shutil
from io import RawIOBase
from pathlib import Path

from symbolic.exceptions import IoError, SymbolicError

from symdepot.domain.ids import DebugId
from symdepot.domain.symcache import object_archive
from symdepot.domain.symcache.conversion import (
    Conversion,
    ConversionFailed,
    ObjectSelector,
    SymCacheWritten,
)
from symdepot.domain.symcache.reader import one_line_message

_FILE_COUNT_OFFSET = 44
"""Source: symbolic-symcache/src/raw.rs, `Header`."""
_BLOCK_BYTES = 1024 * 1024
_NO_SUCH_OBJECT = "The file holds no object of this id and architecture."


def convert(source: Path, selector: ObjectSelector, target: Path) -> Conversion:
    """Write the symcache of one object in `source` to the existing file `target`.

    Raises:
        OSError: the source cannot be read, or the target cannot be written.
        MemoryError: there was not enough memory.
    """
    try:
        # By UUID: clients may have corrected the age.
        matching = (
            o
            for o in object_archive.objects(source)
            if o.arch == selector.arch
            and DebugId.parse(o.debug_id).uuid == selector.debug_id.uuid
        )
        found = next(matching, None)
        if found is None:
            return ConversionFailed(_NO_SUCH_OBJECT)
        symcache = found.make_symcache()
    except IoError as error:
        raise OSError(one_line_message(error)) from error
    except SymbolicError as error:
        return ConversionFailed(one_line_message(error))
    content = symcache.open_stream()  # type: ignore[no-untyped-call]  # symbolic's
    with target.open("r+b", buffering=0) as out:
        shutil.copyfileobj(content, out, _BLOCK_BYTES)
        return SymCacheWritten(symbols_only=not _has_files(out))


def _has_files(symcache: RawIOBase) -> bool:
    """Return whether source files are known and not only functions.

    The features of the object do not tell: with `-gsplit-dwarf`, its debug information
    is in `.dwo` files.
    """
    symcache.seek(_FILE_COUNT_OFFSET)
    return any(symcache.read(4) or b"")
