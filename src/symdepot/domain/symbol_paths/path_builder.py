"""Builds the path of a stored file on a symbol server. The inverse of `path_parser`.

Source: spec/serving 2.1, 4.2 and 8.1.
"""

import re

from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection.file_query import FileRole
from symdepot.domain.symbol_paths import name_normalization
from symdepot.domain.symbol_paths.breakpad_module import BreakpadModule

_PDB_END = re.compile(r"\.pdb$", re.IGNORECASE)
_SYMSTORE_PATHS = {
    (Format.ELF, FileRole.EXECUTABLE): "{name}/elf-buildid-{code_id}/{name}",
    (Format.ELF, FileRole.DEBUGINFO): "_.debug/elf-buildid-sym-{code_id}/_.debug",
    (Format.MACHO, FileRole.EXECUTABLE): "{name}/mach-uuid-{code_id}/{name}",
    (Format.MACHO, FileRole.DEBUGINFO): "_.dwarf/mach-uuid-sym-{code_id}/_.dwarf",
    (Format.PE, FileRole.EXECUTABLE): "{name}/{pe_code_id}/{name}",
    (Format.PDB, FileRole.DEBUGINFO): "{name}/{debug_id}/{name}",
    (Format.PORTABLE_PDB, FileRole.DEBUGINFO): "{name}/{uuid}ffffffff/{name}",
}


def symstore_path(stored: ObjectFile, role: FileRole) -> str | None:
    """Return the path of a file in this role in symstore's layout; None if it has none."""
    path = _SYMSTORE_PATHS.get((stored.format, role))
    code_id = str(stored.code_id or "")
    if path is None or ("code_id" in path and not code_id):
        return None
    return path.format(
        name=stored.name,
        code_id=code_id,
        pe_code_id=f"{code_id[:8].upper()}{code_id[8:]}",
        debug_id=breakpad_id(stored.debug_id),
        uuid=stored.debug_id.uuid.hex.upper(),
    )


def breakpad_path(stored: ObjectFile, module: BreakpadModule | None = None) -> str:
    """Return the path of a Breakpad file, which is the same in all layouts.

    `module`: its first line, by which Breakpad's tools name the path. Without it, and if
    it has another debug id than the catalogue, from the object.

    Source: spec/serving 3.2, "Code-info lookup".
    """
    name = module and name_normalization.base_name(module.name)
    is_same = module is not None and module.debug_id == stored.debug_id
    key = module.id_text if module and is_same else breakpad_id(stored.debug_id)
    name = name or stored.name
    return f"{name}/{key}/{_PDB_END.sub('', name)}.sym"


def breakpad_id(debug_id: DebugId) -> str:
    """Return a debug id as Breakpad writes it: UUID in upper case, age in lower case.

    >>> breakpad_id(DebugId.parse("dfb8e43a-f242-3d73-a453-aeb6a777ef75-a"))
    'DFB8E43AF2423D73A453AEB6A777EF75a'
    """
    return f"{debug_id.uuid.hex.upper()}{debug_id.age:x}"
