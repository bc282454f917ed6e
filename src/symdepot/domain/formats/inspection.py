"""Reads debug files: which objects a file holds, and by which ids they are found.

What it is handed comes from strangers and may end the process that reads it: the
server calls it through `sandbox` alone.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from symbolic.debuginfo import Archive, BcSymbolMap, Object, UuidMapping
from symbolic.exceptions import (
    IoError,
    ObjectErrorUnsupportedObject,
    Panic,
    SymbolicError,
)

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import client_metadata, elf, pe, proguard, symbol_maps
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile

# Debug information packs to a half or a fifth; packed with patience, to a twentieth.
_HONEST_RATIO = 32
_ALWAYS_UNPACKED_BYTES = 512 * 1024**2

# A symcache takes 8 to 25 ms for each MB of debug information.
_REHEARSED_BYTES = 384 * 1024

_NIL = DebugId(UUID(int=0))

_panic_text = re.compile(r"panicked with '(.*)' at ", re.DOTALL).search


def inspect(path: Path, *, name: str) -> list[ObjectFile]:
    r"""Return the objects in the file at `path`, which its client calls `name`.

    Most formats hold one object, a fat Mach-O one for each architecture. An object is
    called by the base name of `name`, after either kind of slash. A map that tells
    nothing of its id has the nil id.

    Raises:
        NotADebugFile: it is of no format that we know, or broken; the text says where.
        OSError: it cannot be read.

    Source: spec/sentry-server 2.12; for the texts, 2.9.
    """
    mapping_id = proguard.id_from_name(name)
    if mapping_id is not None:
        return [_mapping(path, mapping_id)]
    map_format = symbol_maps.format_of(path)
    if map_format is not None:
        return [_map(path, map_format, name)]
    _refuse_to_unpack_lies(path)
    _refuse_part_of_a_whole(path)
    try:
        return [_described(o, name) for o in _objects(path)]
    except ObjectErrorUnsupportedObject as e:
        raise NotADebugFile(f"Unsupported debug information file: {_text(e)}") from e
    except (SymbolicError, ValueError) as e:
        raise NotADebugFile(f"Invalid debug information file: {_text(e)}") from e


def trial_parse(path: Path) -> None:
    """Read a small file's debug information to the end, and forget what it says.

    Raises nothing, but may not return: symbolic looks no further than the headers
    while it answers `inspect`, and some files end its process only when a symcache is
    made of them (10,000 nested inlined functions overflow its stack). For a large
    file that takes seconds, so a large file is left to whoever makes its symcache.
    """
    if path.stat().st_size + elf.decompressed_size(path) > _REHEARSED_BYTES:
        return
    with suppress(SymbolicError):
        for o in _objects(path):
            # That none can be made is no fault: many a file holds only ids.
            with suppress(SymbolicError):
                o.make_symcache()


def _objects(path: Path) -> Iterator[Object]:
    try:
        # Not `from_bytes`: it keeps no reference to the bytes that it reads later.
        archive = Archive.open(os.fsencode(path))
    except IoError as e:
        raise OSError(_text(e)) from e
    yield from archive.iter_objects()


def _described(o: Object, name: str) -> ObjectFile:
    kind_of_file = Format(o.file_format)
    return ObjectFile(
        format=kind_of_file,
        kind=o.kind,
        arch=o.arch,
        debug_id=DebugId.parse(o.debug_id),
        code_id=CodeId.parse(o.code_id) if o.code_id else None,
        features=o.features,
        name=client_metadata.object_name(name, kind_of_file),
    )


def _mapping(path: Path, debug_id: DebugId) -> ObjectFile:
    with suppress(SymbolicError):
        Archive.open(os.fsencode(path))
        raise NotADebugFile(proguard.NOT_A_MAPPING)
    return proguard.describe_mapping(path, debug_id)


def _map(path: Path, map_format: Format, name: str) -> ObjectFile:
    try:
        match map_format:
            case Format.BC_SYMBOL_MAP:
                BcSymbolMap.open(os.fsencode(path))
            case Format.UUID_MAP:
                UuidMapping.from_plist(str(_NIL), os.fsencode(path))
            case Format.IL2CPP:
                symbol_maps.check_il2cpp(path)
            case _:
                symbol_maps.check_dart(path)
    except SymbolicError as e:
        what = "UuidMap" if map_format is Format.UUID_MAP else "BCSymbolMap"
        raise NotADebugFile(f"Invalid {what}: {_text(e)}") from e
    is_mapping = map_format is Format.DART_SYMBOL_MAP
    return ObjectFile(
        format=map_format,
        kind=None,
        arch="any",
        debug_id=_NIL,
        code_id=None,
        features=frozenset({"mapping"} if is_mapping else ()),
        name=client_metadata.object_name(name, map_format),
    )


def _refuse_to_unpack_lies(path: Path) -> None:
    size_bytes = path.stat().st_size
    promised_bytes = elf.decompressed_size(path)
    if promised_bytes > max(_ALWAYS_UNPACKED_BYTES, _HONEST_RATIO * size_bytes):
        raise NotADebugFile(
            f"Invalid debug information file: its {size_bytes} bytes "
            f"say that they unpack to {promised_bytes} bytes"
        )


def _refuse_part_of_a_whole(path: Path) -> None:
    size_bytes, least_bytes = path.stat().st_size, pe.minimum_size(path)
    if size_bytes < least_bytes:
        raise NotADebugFile(
            f"Invalid debug information file: it is cut short, after {size_bytes} "
            f"of at least {least_bytes} bytes"
        )


def _text(error: Exception) -> str:
    """Return what symbolic says, without the places in its sources."""
    text = error.message if isinstance(error, SymbolicError) else str(error)
    panic = _panic_text(text) if isinstance(error, Panic) else None
    return f"the parser panicked: {panic[1]}" if panic else text
