"""The description of a debug file: format, architecture, kind, features and ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.ids import CodeId, DebugId


class Format(StrEnum):
    """File formats, by the names in Sentry's API.

    Source: spec/sentry-server 2.12, column `symbolType`.
    """

    BC_SYMBOL_MAP = "bcsymbolmap"
    BREAKPAD = "breakpad"
    DART_SYMBOL_MAP = "dartsymbolmap"
    ELF = "elf"
    IL2CPP = "il2cpp"
    MACHO = "macho"
    PDB = "pdb"
    PE = "pe"
    PORTABLE_PDB = "portablepdb"
    PROGUARD = "proguard"
    SOURCE_BUNDLE = "sourcebundle"
    UUID_MAP = "uuidmap"
    WASM = "wasm"

    @property
    def mime_type(self) -> str:
        """Content type of this format."""
        return _MIME_TYPES[self]

    @property
    def contains_id(self) -> bool:
        """Whether files of this format contain their debug id."""
        return self not in _WITHOUT_ID

    @property
    def has_features(self) -> bool:
        """Whether files of this format have a set of features, which may be empty.

        Source: spec/sentry-server 2.10: these have no `data` upstream.
        """
        return self not in _WITHOUT_FEATURES


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """One object in a file.

    `kind` and `arch` are symbolic's names. `kind`: `exe`, `lib`, `dbg`, `rel`, `src`, …, or
    None if the format has none. `arch`: may also be `any`. `features`: of `symtab`,
    `debug`, `unwind`, `sources` and `mapping`. `debug_id`: nil if the format does not
    contain it and the client has not sent it yet: see `client_metadata`.
    """

    format: Format
    kind: str | None
    arch: str
    debug_id: DebugId
    code_id: CodeId | None
    features: frozenset[str]
    name: str

    @property
    def download_extension(self) -> str:
        """The extension of downloaded files.

        Source: spec/sentry-server 2.12, column "download extension".
        """
        match self.format:
            case Format.ELF:
                return "" if self.kind == "exe" else ".debug"
            case Format.MACHO:
                return ".debug" if self.kind == "dbg" else ""
            case Format.PE:
                return ".exe" if self.kind == "exe" else ".dll"
            case _:
                return _EXTENSIONS[self.format]


def single_object(objects: Sequence[ObjectFile]) -> ObjectFile:
    """Return the one object of a file.

    Raises:
        NotADebugFile: the file has several, or none.

    Source: spec/sentry-server 2.9; clients send the slices of a fat file one by one.
    """
    if len(objects) != 1:
        raise NotADebugFile(
            "Contained wrong number of architectures "
            f"(expected one, got {len(objects)})"
        )
    return objects[0]


def require_findable(object_file: ObjectFile) -> ObjectFile:
    """Return the object if it has an id, so that lookups can find it.

    Raises:
        NotADebugFile: it has neither a debug id nor a code id.
    """
    if object_file.debug_id.is_nil and object_file.code_id is None:
        raise NotADebugFile(
            "This file has neither a debug id nor a code id, "
            "so nothing could ever find it."
        )
    return object_file


_WITHOUT_FEATURES = frozenset({Format.BC_SYMBOL_MAP, Format.IL2CPP, Format.UUID_MAP})
_WITHOUT_ID = _WITHOUT_FEATURES | {Format.DART_SYMBOL_MAP, Format.PROGUARD}

_MIME_TYPES = {
    Format.BC_SYMBOL_MAP: "application/x-bcsymbolmap",
    Format.BREAKPAD: "text/x-breakpad",
    Format.DART_SYMBOL_MAP: "application/x-dartsymbolmap+json",
    Format.ELF: "application/x-elf-binary",
    Format.IL2CPP: "application/x-il2cpp-json",
    Format.MACHO: "application/x-mach-binary",
    Format.PDB: "application/x-ms-pdb",
    Format.PE: "application/x-dosexec",
    Format.PORTABLE_PDB: "application/x-portable-pdb",
    Format.PROGUARD: "text/x-proguard+plain",
    Format.SOURCE_BUNDLE: "application/x-sentry-bundle+zip",
    Format.UUID_MAP: "application/x-debugid-map",
    Format.WASM: "application/wasm",
}

_EXTENSIONS = {
    Format.BC_SYMBOL_MAP: ".bcsymbolmap",
    Format.BREAKPAD: ".sym",
    Format.DART_SYMBOL_MAP: ".json",
    Format.IL2CPP: ".json",
    Format.PDB: ".pdb",
    Format.PORTABLE_PDB: ".pdb",
    Format.PROGUARD: ".txt",
    Format.SOURCE_BUNDLE: ".src.zip",
    Format.UUID_MAP: ".plist",
    Format.WASM: ".wasm",
}
