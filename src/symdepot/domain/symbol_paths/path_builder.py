"""Builds the path of a stored file in a layout: the inverse of `path_parser`.

Source: spec/serving 2.1, 4.2 and 8.1.
"""

import re
from collections.abc import Callable

from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection.file_query import FileRole
from symdepot.domain.symbol_paths.path_parser import Layout


def build(layout: Layout, role: FileRole, stored: ObjectFile) -> str | None:
    """Return the path of `stored` in `layout` for this role; None if there is none."""
    return _WRITERS[layout](role, stored)


def breakpad_id(debug_id: DebugId) -> str:
    """Return a debug id as Breakpad writes it: UUID in upper case, age in lower case.

    >>> breakpad_id(DebugId.parse("dfb8e43a-f242-3d73-a453-aeb6a777ef75-a"))
    'DFB8E43AF2423D73A453AEB6A777EF75a'
    """
    return f"{debug_id.uuid.hex.upper()}{debug_id.age:x}"


def _symstore(role: FileRole, stored: ObjectFile) -> str | None:
    name, code_id = stored.name, str(stored.code_id or "")
    match stored.format, role:
        case Format.ELF | Format.MACHO, _:
            name, key = _unix(role, stored)
        case Format.PE, FileRole.EXECUTABLE if code_id:
            key = f"{code_id[:8].upper()}{code_id[8:]}"
        case Format.PDB, FileRole.DEBUGINFO:
            key = breakpad_id(stored.debug_id)
        case Format.PORTABLE_PDB, FileRole.DEBUGINFO:
            key = f"{stored.debug_id.uuid.hex.upper()}ffffffff"
        case _:
            return _named(role, stored)
    return f"{name}/{key}/{name}" if key else None


def _unix(role: FileRole, stored: ObjectFile) -> tuple[str, str]:
    """Return the name and the key of a file; an empty key if there is none."""
    kind, symbols_name = _UNIX[stored.format]
    if role not in _PROGRAM_ROLES or stored.code_id is None:
        return symbols_name, ""
    if role is FileRole.EXECUTABLE:
        return stored.name, f"{kind}-{stored.code_id}"
    return symbols_name, f"{kind}-sym-{stored.code_id}"


def _symstore_index2(role: FileRole, stored: ObjectFile) -> str | None:
    path = _symstore(role, stored)
    if path is None:
        return None
    return f"{path[:1] if path[1:2] in {'.', '/'} else path[:2]}/{path}"


def _ssqp(role: FileRole, stored: ObjectFile) -> str | None:
    path = _symstore(role, stored)
    if path is None or stored.format not in _WINDOWS_FORMATS:
        return path
    name, key, file = path.lower().split("/")
    if stored.format is Format.PE:
        return f"{name}/{key[:8].upper()}{key[8:]}/{file}"
    return f"{name}/{key[:32]}{key[32:].upper()}/{file}"


def _named(role: FileRole, stored: ObjectFile) -> str | None:
    """Return the path of formats that have Breakpad's layout in all layouts."""
    suffix = _BY_NAME.get((stored.format, role))
    if suffix is None:
        return None
    strips = _PDB_END if stored.format is Format.BREAKPAD else _WINDOWS_END
    file = strips.sub("", stored.name) + suffix
    return f"{stored.name}/{breakpad_id(stored.debug_id)}/{file}"


def _native(role: FileRole, stored: ObjectFile) -> str | None:
    suffix = _NATIVE.get((stored.format, role))
    if suffix is None:
        return _symstore(role, stored)
    if stored.code_id is None:
        return None
    code_id = stored.code_id.hex
    if stored.format is Format.MACHO:
        return _quartered(code_id.upper()) + suffix
    return f"{code_id[:2]}/{code_id[2:]}{suffix}"


def _quartered(uuid: str) -> str:
    fours = [uuid[start : start + 4] for start in range(0, 20, 4)]
    return "/".join([*fours, uuid[20:]])


def _unified(role: FileRole, stored: ObjectFile) -> str | None:
    """Return the path by build id or UUID; by debug id for other formats."""
    if role not in _UNIFIED_ROLES.get(stored.format, _PROGRAM_ROLES):
        return None
    code_id = str(stored.code_id or "")
    key = code_id if len(code_id) >= _UUID_DIGITS else breakpad_id(stored.debug_id)
    kind = stored.format.value if role is FileRole.MAPPING else role.value
    return f"{key[:2]}/{key[2:]}/{kind}".lower()


def _slashsymbols(role: FileRole, stored: ObjectFile) -> str | None:
    if (
        stored.format is not Format.ELF
        or role is not FileRole.DEBUGINFO
        or not stored.code_id
    ):
        return None
    return f"{stored.name}/{stored.code_id}/symbols"


def _debuginfod(role: FileRole, stored: ObjectFile) -> str | None:
    if (
        stored.format is not Format.ELF
        or role not in _PROGRAM_ROLES
        or not stored.code_id
    ):
        return None
    return f"{stored.code_id}/{role}"


_UUID_DIGITS = 32
_PDB_END = re.compile(r"\.pdb$", re.IGNORECASE)
_WINDOWS_END = re.compile(r"\.(exe|dll|pdb)$", re.IGNORECASE)
_WINDOWS_FORMATS = frozenset({Format.PDB, Format.PE, Format.PORTABLE_PDB})
_PROGRAM_ROLES = frozenset({FileRole.EXECUTABLE, FileRole.DEBUGINFO})
_UNIX = {
    Format.ELF: ("elf-buildid", "_.debug"),
    Format.MACHO: ("mach-uuid", "_.dwarf"),
}
_NATIVE = {
    (Format.ELF, FileRole.EXECUTABLE): "",
    (Format.ELF, FileRole.DEBUGINFO): ".debug",
    (Format.WASM, FileRole.EXECUTABLE): "",
    (Format.WASM, FileRole.DEBUGINFO): ".debug",
    (Format.MACHO, FileRole.EXECUTABLE): ".app",
    (Format.MACHO, FileRole.DEBUGINFO): "",
}
_BY_NAME = {
    (Format.BREAKPAD, FileRole.BREAKPAD): ".sym",
    (Format.SOURCE_BUNDLE, FileRole.SOURCES): ".src.zip",
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
_WRITERS: dict[Layout, Callable[[FileRole, ObjectFile], str | None]] = {
    Layout.BREAKPAD: _named,
    Layout.DEBUGINFOD: _debuginfod,
    Layout.NATIVE: _native,
    Layout.SLASHSYMBOLS: _slashsymbols,
    Layout.SSQP: _ssqp,
    Layout.SYMSTORE: _symstore,
    Layout.SYMSTORE_INDEX2: _symstore_index2,
    Layout.UNIFIED: _unified,
}
