"""Convert an object of a debug file to a symcache with symbolic.

This parses an untrusted file in native code, so only `symdepot.sandbox` imports it.
"""

from collections.abc import Collection
from pathlib import Path

from symbolic.exceptions import IoError, SymbolicError

from symdepot.domain.ids import DebugId
from symdepot.domain.symcache import code_ends, object_archive, tables
from symdepot.domain.symcache.conversion import (
    Conversion,
    ConversionFailed,
    ObjectSelector,
    SymCacheWritten,
)
from symdepot.domain.symcache.reader import content_of, one_line_message

_NO_SUCH_OBJECT = "The file holds no object of this id and architecture."


def convert(
    source: Path,
    selector: ObjectSelector,
    target: Path,
    code_sections: Collection[range] = (),
) -> Conversion:
    """Write the symcache of one object in `source` to the existing file `target`.

    Symbols without a size end with their section in `code_sections`, the addresses of
    executable sections relative to the module.

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
    content = content_of(symcache)
    with target.open("r+b") as out:
        out.writelines(code_ends.with_code_ends(content, code_sections))
    return SymCacheWritten(symbols_only=not _has_files(content))


def _has_files(symcache: memoryview) -> bool:
    """Return whether source files are known and not only functions.

    The features of the object do not tell: with `-gsplit-dwarf`, its debug information
    is in `.dwo` files.
    """
    return tables.read_tables(symcache).files > 0
