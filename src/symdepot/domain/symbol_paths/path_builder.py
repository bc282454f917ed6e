"""Where clients of a layout look for a file that we keep: the way back of `layouts`.

Source: spec/serving 2.1, 4.2 and 8.1.
"""

import re
from collections.abc import Callable

from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection.file_query import FileRole
from symdepot.domain.symbol_paths.path_parser import Layout


def build(layout: Layout, role: FileRole, kept: ObjectFile) -> str | None:
    """Return the path at which `layout` has `kept` in this role; None if at none."""
    return _WRITERS[layout](role, kept)


def breakpad_id(debug_id: DebugId) -> str:
    """Return a debug id as Breakpad writes it: digits in capitals, a small age.

    >>> breakpad_id(DebugId.parse("dfb8e43a-f242-3d73-a453-aeb6a777ef75-a"))
    'DFB8E43AF2423D73A453AEB6A777EF75a'
    """
    return f"{debug_id.uuid.hex.upper()}{debug_id.age:x}"


def _symstore(role: FileRole, kept: ObjectFile) -> str | None:
    name, code_id = kept.name, str(kept.code_id or "")
    match kept.format, role:
        case Format.ELF | Format.MACHO, _:
            name, key = _unix(role, kept)
        case Format.PE, FileRole.EXECUTABLE if code_id:
            key = f"{code_id[:8].upper()}{code_id[8:]}"
        case Format.PDB, FileRole.DEBUGINFO:
            key = breakpad_id(kept.debug_id)
        case Format.PORTABLE_PDB, FileRole.DEBUGINFO:
            key = f"{kept.debug_id.uuid.hex.upper()}ffffffff"
        case _:
            return _named(role, kept)
    return f"{name}/{key}/{name}" if key else None


def _unix(role: FileRole, kept: ObjectFile) -> tuple[str, str]:
    """Return the name and the key of a file, which is empty if it has none."""
    kind, nobody = _UNIX[kept.format]
    if role not in _EITHER or kept.code_id is None:
        return nobody, ""
    if role is FileRole.EXECUTABLE:
        return kept.name, f"{kind}-{kept.code_id}"
    return nobody, f"{kind}-sym-{kept.code_id}"


def _symstore_index2(role: FileRole, kept: ObjectFile) -> str | None:
    path = _symstore(role, kept)
    if path is None:
        return None
    return f"{path[:1] if path[1:2] in {'.', '/'} else path[:2]}/{path}"


def _ssqp(role: FileRole, kept: ObjectFile) -> str | None:
    path = _symstore(role, kept)
    if path is None or kept.format not in _OF_WINDOWS:
        return path
    name, key, file = path.lower().split("/")
    if kept.format is Format.PE:
        return f"{name}/{key[:8].upper()}{key[8:]}/{file}"
    return f"{name}/{key[:32]}{key[32:].upper()}/{file}"


def _named(role: FileRole, kept: ObjectFile) -> str | None:
    """Return the path of what has Breakpad's layout in every other one, too."""
    suffix = _BY_NAME.get((kept.format, role))
    if suffix is None:
        return None
    strips = _PDB_END if kept.format is Format.BREAKPAD else _WINDOWS_END
    file = strips.sub("", kept.name) + suffix
    return f"{kept.name}/{breakpad_id(kept.debug_id)}/{file}"


def _native(role: FileRole, kept: ObjectFile) -> str | None:
    suffix = _NATIVE.get((kept.format, role))
    if suffix is None:
        return _symstore(role, kept)
    if kept.code_id is None:
        return None
    code_id = kept.code_id.hex
    if kept.format is Format.MACHO:
        return _quartered(code_id.upper()) + suffix
    return f"{code_id[:2]}/{code_id[2:]}{suffix}"


def _quartered(uuid: str) -> str:
    fours = [uuid[start : start + 4] for start in range(0, 20, 4)]
    return "/".join([*fours, uuid[20:]])


def _unified(role: FileRole, kept: ObjectFile) -> str | None:
    """Return the path under a build id or UUID, and under a debug id elsewhere."""
    if role not in _UNIFIED_ROLES.get(kept.format, _EITHER):
        return None
    code_id = str(kept.code_id or "")
    key = code_id if len(code_id) >= _UUID_DIGITS else breakpad_id(kept.debug_id)
    kind = kept.format.value if role is FileRole.MAPPING else role.value
    return f"{key[:2]}/{key[2:]}/{kind}".lower()


def _slashsymbols(role: FileRole, kept: ObjectFile) -> str | None:
    if (
        kept.format is not Format.ELF
        or role is not FileRole.DEBUGINFO
        or not kept.code_id
    ):
        return None
    return f"{kept.name}/{kept.code_id}/symbols"


def _debuginfod(role: FileRole, kept: ObjectFile) -> str | None:
    if kept.format is not Format.ELF or role not in _EITHER or not kept.code_id:
        return None
    return f"{kept.code_id}/{role}"


_UUID_DIGITS = 32
_PDB_END = re.compile(r"\.pdb$", re.IGNORECASE)
_WINDOWS_END = re.compile(r"\.(exe|dll|pdb)$", re.IGNORECASE)
_OF_WINDOWS = frozenset({Format.PDB, Format.PE, Format.PORTABLE_PDB})
_EITHER = frozenset({FileRole.EXECUTABLE, FileRole.DEBUGINFO})
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
