"""Parses paths of symbol servers to file queries. The inverse of `path_builder`.

A text that is not a path of the layout is None, never an error.

Source: spec/serving 2.1, 3.1, 4.2 and 8.1.
"""

import re
from collections.abc import Callable
from enum import StrEnum

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.domain.selection.file_query import AgeMatch, FileQuery, FileRole

is_build_id = re.compile(r"(?:[0-9a-f]{2}){1,64}").fullmatch
"""Matches build ids as debuginfod writes them."""


class Layout(StrEnum):
    """Layouts of symbol servers, by Symbolicator's names."""

    BREAKPAD = "breakpad"
    DEBUGINFOD = "debuginfod"
    NATIVE = "native"
    SLASHSYMBOLS = "slashsymbols"
    SSQP = "ssqp"
    SYMSTORE = "symstore"
    SYMSTORE_INDEX2 = "symstore_index2"
    UNIFIED = "unified"


def parse(layout: Layout, path: str) -> FileQuery | None:
    """Return the file that `path`, without a leading slash, names in `layout`.

    Case does not matter, except in build ids of debuginfod. All layouts of the form
    NAME/ID/NAME are parsed alike, with or without a folder of two letters before them:
    the form of an id shows its kind.
    """
    query = _PARSERS.get(layout, _named)(path)
    return query if query and (query.code_ids or query.debug_ids) else None


def _named(path: str) -> FileQuery | None:
    match [part for part in path.split("/") if part]:
        case [name, key, file]:
            return _keyed(name, key.lower(), file.lower())
        case [tier, name, key, file] if _is_tier(tier.lower(), name.lower()):
            return _keyed(name, key.lower(), file.lower())
        case _:
            return None


def _is_tier(tier: str, name: str) -> bool:
    """Return whether `tier` is the folder of `name`; of `_.debug` it is `_` or `_.`."""
    return tier == name[:2] or (name[1:2] == "." and tier == name[:1])


def _keyed(name: str, key: str, file: str) -> FileQuery | None:
    is_same = file == name.lower()
    found = _prefixed(name, key) if is_same else None
    if found is not None:
        return found
    if file.endswith(".sym"):
        found = _breakpad(name, key)
    elif file.endswith(".src.zip"):
        found = _sources(_debug_ids(key), name=name)
    elif is_same:
        found = _windows(name, key)
    elif file == "symbols" and is_build_id(key):
        found = FileQuery(FileRole.DEBUGINFO, _ELF, _code_ids(key), name=name)
    return found


def _breakpad(name: str, key: str) -> FileQuery:
    """Parse a Breakpad id, or a code id if there are fewer digits.

    Source: spec/serving 3.2, "Code-info lookup".
    """
    code_ids = _code_ids(key) if len(key) <= _UUID_DIGITS else ()
    return FileQuery(FileRole.BREAKPAD, _BREAKPAD, code_ids, _debug_ids(key), name=name)


def _prefixed(name: str, key: str) -> FileQuery | None:
    match = _PREFIXED(key)
    if match is None:
        return None
    kind, symbols, digits = match.groups()
    role = FileRole.DEBUGINFO if symbols else FileRole.EXECUTABLE
    if kind == "elf-buildid-":
        return FileQuery(role, _ELF, _unpadded(digits), name=name)
    if len(digits) != _UUID_DIGITS:
        return None
    return FileQuery(role, _MACHO, _code_ids(digits), name=name)


def _windows(name: str, key: str) -> FileQuery:
    if _PE_ID(key):
        return FileQuery(FileRole.EXECUTABLE, _PE, (CodeId(key),), name=name)
    is_portable = key[_UUID_DIGITS:] == "ffffffff"
    formats = _PORTABLE if is_portable else _PDB
    age = AgeMatch.ANY if is_portable else AgeMatch.AT_LEAST
    return FileQuery(FileRole.DEBUGINFO, formats, (), _debug_ids(key), age, name)


def _native(path: str) -> FileQuery | None:
    lowered = path.strip("/").lower()
    if match := _NATIVE_UUID(lowered):
        formats, plain = _MACHO, FileRole.DEBUGINFO
    elif match := _NATIVE_BUILD_ID(lowered):
        formats, plain = _ELF_OR_WASM, FileRole.EXECUTABLE
    else:
        return _named(path)
    digits, suffix = match[1].replace("/", ""), match[2]
    if suffix == ".src.zip":
        return _sources(_derived(digits), _code_ids(digits))
    return FileQuery(_NATIVE_ROLES.get(suffix, plain), formats, _code_ids(digits))


def _unified(path: str) -> FileQuery | None:
    match = _UNIFIED(path.strip("/").lower())
    if match is None or match[3] not in _UNIFIED_KINDS:
        return None
    digits, (role, formats) = match[1] + match[2], _UNIFIED_KINDS[match[3]]
    # A portable PDB's id has as many digits as a build id.
    code_ids = () if len(digits) % 2 else _code_ids(digits)
    debug_ids = (*_debug_ids(digits), *(_derived(digits) if code_ids else ()))
    age = AgeMatch.AT_LEAST if role is FileRole.DEBUGINFO else AgeMatch.EXACT
    return FileQuery(role, formats, code_ids, debug_ids, age=age)


def _debuginfod(path: str) -> FileQuery | None:
    digits, _, kind = path.partition("/")
    if not is_build_id(digits):
        return None
    if kind == "source":
        return _sources(_derived(digits)[:1], _code_ids(digits))
    if kind not in {FileRole.EXECUTABLE, FileRole.DEBUGINFO}:
        return None
    return FileQuery(FileRole(kind), _ELF, _code_ids(digits))


def _sources(
    debug_ids: tuple[DebugId, ...], code_ids: tuple[CodeId, ...] = (), name: str = ""
) -> FileQuery | None:
    if not debug_ids:
        return None
    return FileQuery(FileRole.SOURCES, _SOURCES, code_ids, debug_ids, name=name)


def _debug_ids(key: str) -> tuple[DebugId, ...]:
    """Parse 32 digits and an age. A nil id is none."""
    found = DebugId.parse_or_none(key) if _BREAKPAD_ID(key) else None
    return () if found is None or found.uuid.int == 0 else (found,)


def _derived(digits: str) -> tuple[DebugId, ...]:
    """Return the possible debug ids of a file with this build id.

    ELF reads the first bytes as a little-endian GUID, Mach-O and Wasm as a UUID.
    """
    elf = DebugId.of_build_id(CodeId(digits))
    other = DebugId.parse_or_none(digits[:_UUID_DIGITS])
    if elf.is_nil:
        return ()
    return (elf, other) if other else (elf,)


def _code_ids(key: str) -> tuple[CodeId, ...]:
    return (CodeId(key),) if _HEX(key) and key.strip("0") else ()


def _unpadded(digits: str) -> tuple[CodeId, ...]:
    """Return the build id, and the shorter ones that .NET pads to it.

    Source: spec/serving 2.1: .NET pads ids of 8 to 19 bytes with zeros to 20.
    """
    shorter = digits.rstrip("0")
    min_digits = max(_MIN_PADDED_DIGITS, len(shorter) + len(shorter) % 2)
    if len(digits) != _PADDED_DIGITS:
        min_digits = len(digits)
    lengths = range(len(digits), min_digits - 1, -2)
    return tuple(CodeId(digits[:length]) for length in lengths if shorter)


_UUID_DIGITS = 32
_PADDED_DIGITS = 40
_MIN_PADDED_DIGITS = 16

_HEX = re.compile(r"[0-9a-f]{1,128}").fullmatch
_BREAKPAD_ID = re.compile(r"[0-9a-f]{33,40}").fullmatch
_PE_ID = re.compile(r"[0-9a-f]{9,16}").fullmatch
_PREFIXED = re.compile(
    r"(elf-buildid-|mach-uuid-)(sym-)?((?:[0-9a-f]{2}){1,64})"
).fullmatch
_NATIVE_UUID = re.compile(
    r"((?:[0-9a-f]{4}/){5}[0-9a-f]{12})(\.app|\.src\.zip)?"
).fullmatch
_NATIVE_BUILD_ID = re.compile(
    r"([0-9a-f]{2}/(?:[0-9a-f]{2}){1,63})(\.debug|\.src\.zip)?"
).fullmatch
_UNIFIED = re.compile(r"([0-9a-f]{2})/([0-9a-f]{1,126})/([a-z0-9]+)").fullmatch

_BREAKPAD = frozenset({Format.BREAKPAD})
_ELF = frozenset({Format.ELF})
_ELF_OR_WASM = frozenset({Format.ELF, Format.WASM})
_MACHO = frozenset({Format.MACHO})
_PDB = frozenset({Format.PDB})
_PE = frozenset({Format.PE})
_PORTABLE = frozenset({Format.PORTABLE_PDB})
_SOURCES = frozenset({Format.SOURCE_BUNDLE})

_MAPPINGS = (Format.BC_SYMBOL_MAP, Format.IL2CPP, Format.PROGUARD, Format.UUID_MAP)

_NATIVE_ROLES = {".app": FileRole.EXECUTABLE, ".debug": FileRole.DEBUGINFO}
_UNIFIED_KINDS: dict[str, tuple[FileRole, frozenset[Format]]] = {
    "executable": (FileRole.EXECUTABLE, _ELF_OR_WASM | _MACHO | _PE),
    "debuginfo": (FileRole.DEBUGINFO, _ELF_OR_WASM | _MACHO | _PDB | _PORTABLE),
    "breakpad": (FileRole.BREAKPAD, _BREAKPAD),
    "sourcebundle": (FileRole.SOURCES, _SOURCES),
    **{kind.value: (FileRole.MAPPING, frozenset({kind})) for kind in _MAPPINGS},
}

_PARSERS: dict[Layout, Callable[[str], FileQuery | None]] = {
    Layout.DEBUGINFOD: _debuginfod,
    Layout.NATIVE: _native,
    Layout.UNIFIED: _unified,
}
