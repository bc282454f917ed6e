"""Writes the path of a stored file in every layout; symdepot itself writes two."""

import re
from collections.abc import Callable

from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection.file_query import FileRole
from symdepot.domain.symbol_paths import path_builder
from symdepot.domain.symbol_paths.path_builder import breakpad_id
from symdepot.domain.symbol_paths.path_parser import Layout


def build(layout: Layout, role: FileRole, stored: ObjectFile) -> str | None:
    """Return the path of `stored` in `layout` for this role; None if there is none."""
    return _WRITERS[layout](stored, role)


def _breakpad(stored: ObjectFile, role: FileRole) -> str | None:
    """Return the path of formats that have Breakpad's layout in all layouts."""
    match stored.format, role:
        case Format.BREAKPAD, FileRole.BREAKPAD:
            return path_builder.breakpad_path(stored)
        case Format.SOURCE_BUNDLE, FileRole.SOURCES:
            file = _WINDOWS_END.sub("", stored.name) + ".src.zip"
            return f"{stored.name}/{breakpad_id(stored.debug_id)}/{file}"
        case _:
            return None


def _symstore(stored: ObjectFile, role: FileRole) -> str | None:
    return path_builder.symstore_path(stored, role) or _breakpad(stored, role)


def _symstore_index2(stored: ObjectFile, role: FileRole) -> str | None:
    path = _symstore(stored, role)
    if path is None:
        return None
    return f"{path[:1] if path[1:2] in {'.', '/'} else path[:2]}/{path}"


def _ssqp(stored: ObjectFile, role: FileRole) -> str | None:
    path = _symstore(stored, role)
    if path is None or stored.format not in _WINDOWS_FORMATS:
        return path
    name, key, file = path.lower().split("/")
    if stored.format is Format.PE:
        return f"{name}/{key[:8].upper()}{key[8:]}/{file}"
    return f"{name}/{key[:32]}{key[32:].upper()}/{file}"


def _native(stored: ObjectFile, role: FileRole) -> str | None:
    suffix = _NATIVE.get((stored.format, role))
    if suffix is None:
        return _symstore(stored, role)
    if stored.code_id is None:
        return None
    code_id = stored.code_id.hex
    if stored.format is Format.MACHO:
        return _quartered(code_id.upper()) + suffix
    return f"{code_id[:2]}/{code_id[2:]}{suffix}"


def _quartered(uuid: str) -> str:
    fours = [uuid[start : start + 4] for start in range(0, 20, 4)]
    return "/".join([*fours, uuid[20:]])


def _unified(stored: ObjectFile, role: FileRole) -> str | None:
    """Return the path by build id or UUID; by debug id for other formats."""
    if role not in _UNIFIED_ROLES.get(stored.format, _PROGRAM_ROLES):
        return None
    code_id = str(stored.code_id or "")
    key = code_id if len(code_id) >= _UUID_DIGITS else breakpad_id(stored.debug_id)
    kind = stored.format.value if role is FileRole.MAPPING else role.value
    return f"{key[:2]}/{key[2:]}/{kind}".lower()


def _slashsymbols(stored: ObjectFile, role: FileRole) -> str | None:
    if stored.format is not Format.ELF or role is not FileRole.DEBUGINFO:
        return None
    return f"{stored.name}/{stored.code_id}/symbols" if stored.code_id else None


def _debuginfod(stored: ObjectFile, role: FileRole) -> str | None:
    if stored.format is not Format.ELF or role not in _PROGRAM_ROLES:
        return None
    return f"{stored.code_id}/{role}" if stored.code_id else None


_UUID_DIGITS = 32
_WINDOWS_END = re.compile(r"\.(exe|dll|pdb)$", re.IGNORECASE)
_WINDOWS_FORMATS = frozenset({Format.PDB, Format.PE, Format.PORTABLE_PDB})
_PROGRAM_ROLES = frozenset({FileRole.EXECUTABLE, FileRole.DEBUGINFO})
_NATIVE = {
    (Format.ELF, FileRole.EXECUTABLE): "",
    (Format.ELF, FileRole.DEBUGINFO): ".debug",
    (Format.WASM, FileRole.EXECUTABLE): "",
    (Format.WASM, FileRole.DEBUGINFO): ".debug",
    (Format.MACHO, FileRole.EXECUTABLE): ".app",
    (Format.MACHO, FileRole.DEBUGINFO): "",
}
_UNIFIED_ROLES = {
    Format.BREAKPAD: frozenset({FileRole.BREAKPAD}),
    Format.PDB: frozenset({FileRole.DEBUGINFO}),
    Format.PE: frozenset({FileRole.EXECUTABLE}),
    Format.PORTABLE_PDB: frozenset({FileRole.DEBUGINFO}),
    Format.SOURCE_BUNDLE: frozenset({FileRole.SOURCES}),
    **dict.fromkeys(
        (Format.BC_SYMBOL_MAP, Format.IL2CPP, Format.PROGUARD, Format.UUID_MAP),
        frozenset({FileRole.MAPPING}),
    ),
}
_WRITERS: dict[Layout, Callable[[ObjectFile, FileRole], str | None]] = {
    Layout.BREAKPAD: _breakpad,
    Layout.DEBUGINFOD: _debuginfod,
    Layout.NATIVE: _native,
    Layout.SLASHSYMBOLS: _slashsymbols,
    Layout.SSQP: _ssqp,
    Layout.SYMSTORE: _symstore,
    Layout.SYMSTORE_INDEX2: _symstore_index2,
    Layout.UNIFIED: _unified,
}
