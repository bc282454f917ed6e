"""Parses debug files: the objects in a file, and their ids.

Files of strangers may crash the parser, so only children of `sandbox` call this.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from symbolic.debuginfo import Archive, BcSymbolMap, Object, UuidMapping
from symbolic.exceptions import IoError, ObjectErrorUnsupportedObject, SymbolicError

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import (
    client_metadata,
    elf_headers,
    pe_truncation,
    proguard,
    symbol_maps,
)
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.symcache import object_archive
from symdepot.domain.symcache.reader import error_message

# Debug information compresses to a half or a fifth; at best, to a twentieth.
_MAX_RATIO = 32
_FREE_BYTES = 512 * 1024**2

# A symcache takes 8 to 25 ms for each MB of debug information.
_MAX_TRIAL_BYTES = 384 * 1024

_NIL = DebugId(UUID(int=0))


def inspect(path: Path, *, name: str) -> list[ObjectFile]:
    r"""Return the objects in the file at `path`, which its client calls `name`.

    Most formats have one object, fat Mach-O one for each architecture. Objects are named
    by the base name of `name`. Symbol maps without an id have the nil id.

    Raises:
        NotADebugFile: the format is unknown, or the file is damaged; the text says where.
        OSError: the file cannot be read.

    Source: spec/sentry-server 2.12; for the texts, 2.9.
    """
    mapping_id = proguard.id_from_name(name)
    if mapping_id is not None:
        _check_mapping(path)
        return [_describe_map(Format.PROGUARD, mapping_id, name)]
    map_format = symbol_maps.format_of(path)
    if map_format is not None:
        _check_map(path, map_format)
        return [_describe_map(map_format, _NIL, name)]
    try:
        _check_sizes(path)
        return [_describe(o, name, path) for o in _objects(path)]
    except ObjectErrorUnsupportedObject as e:
        text = error_message(e)
        raise NotADebugFile(f"Unsupported debug information file: {text}") from e
    except (SymbolicError, ValueError) as e:
        text = error_message(e)
        raise NotADebugFile(f"Invalid debug information file: {text}") from e


def trial_parse(path: Path) -> None:
    """Convert a small file to a symcache and drop the result, to see if that crashes.

    `inspect` reads only headers, and some files crash only the conversion (10,000 nested
    inlined functions overflow the stack). Large files are skipped: that takes seconds.
    """
    if path.stat().st_size + elf_headers.decompressed_size(path) > _MAX_TRIAL_BYTES:
        return
    with suppress(SymbolicError):
        for o in _objects(path):
            # Failure is normal: many files have only ids.
            with suppress(SymbolicError):
                o.make_symcache()


def _objects(path: Path) -> Iterator[Object]:
    try:
        yield from object_archive.objects(path)
    except IoError as e:
        raise OSError(error_message(e)) from e


def _describe(o: Object, name: str, path: Path) -> ObjectFile:
    file_format = Format(o.file_format)
    # symbolic takes static programs for companions: they have no interpreter.
    elf_kind = elf_headers.program_kind(path) if file_format is Format.ELF else None
    return ObjectFile(
        format=file_format,
        kind=elf_kind or o.kind,
        arch=o.arch,
        debug_id=DebugId.parse(o.debug_id),
        code_id=CodeId.parse(o.code_id) if o.code_id else None,
        features=o.features,
        name=client_metadata.object_name(name, file_format),
    )


def _check_mapping(path: Path) -> None:
    with suppress(SymbolicError):
        Archive.open(os.fsencode(path))
        raise NotADebugFile(proguard.NOT_A_MAPPING)
    proguard.check_mapping(path)


def _check_map(path: Path, map_format: Format) -> None:
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
        raise NotADebugFile(f"Invalid {what}: {error_message(e)}") from e


def _describe_map(map_format: Format, debug_id: DebugId, name: str) -> ObjectFile:
    is_mapping = map_format in {Format.DART_SYMBOL_MAP, Format.PROGUARD}
    return ObjectFile(
        format=map_format,
        kind=None,
        arch="any",
        debug_id=debug_id,
        code_id=None,
        features=frozenset({"mapping"} if is_mapping else ()),
        name=client_metadata.object_name(name, map_format),
    )


def _check_sizes(path: Path) -> None:
    size_bytes = path.stat().st_size
    claimed_bytes, minimum_bytes = (
        elf_headers.decompressed_size(path),
        pe_truncation.minimum_size(path),
    )
    if claimed_bytes > max(_FREE_BYTES, _MAX_RATIO * size_bytes):
        raise ValueError(
            f"its {size_bytes} bytes say that they unpack to {claimed_bytes} bytes"
        )
    if size_bytes < minimum_bytes:
        raise ValueError(
            f"it is cut short, after {size_bytes} of at least {minimum_bytes} bytes"
        )
