"""The description of a debug file: format, architecture, kind, features and ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.ids import CodeId, DebugId


class Format(StrEnum):
    """File formats, by the names in Sentry's API, with content types and extensions.

    Source: spec/sentry-server 2.12, column `symbolType`.
    """

    BC_SYMBOL_MAP = "bcsymbolmap", "application/x-bcsymbolmap", ".bcsymbolmap"
    BREAKPAD = "breakpad", "text/x-breakpad", ".sym"
    DART_SYMBOL_MAP = "dartsymbolmap", "application/x-dartsymbolmap+json", ".json"
    ELF = "elf", "application/x-elf-binary", ".debug"
    IL2CPP = "il2cpp", "application/x-il2cpp-json", ".json"
    MACHO = "macho", "application/x-mach-binary", ".debug"
    PDB = "pdb", "application/x-ms-pdb", ".pdb"
    PE = "pe", "application/x-dosexec", ".dll"
    PORTABLE_PDB = "portablepdb", "application/x-portable-pdb", ".pdb"
    PROGUARD = "proguard", "text/x-proguard+plain", ".txt"
    SOURCE_BUNDLE = "sourcebundle", "application/x-sentry-bundle+zip", ".src.zip"
    UUID_MAP = "uuidmap", "application/x-debugid-map", ".plist"
    WASM = "wasm", "application/wasm", ".wasm"

    mime_type: str
    extension: str

    def __new__(cls, name: str, mime_type: str = "", extension: str = "") -> Self:
        """Make a format whose value is its name."""
        new = str.__new__(cls, name)
        new._value_, new.mime_type, new.extension = name, mime_type, extension
        return new

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

    `kind` and `arch` are symbolic's names. Of ELF, `kind` is `program_kind`'s. `kind`: `exe`, `lib`, `dbg`, `rel`, `src`, …, or
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
            case Format.ELF if self.kind == "exe":
                return ""
            case Format.MACHO if self.kind != "dbg":
                return ""
            case Format.PE if self.kind == "exe":
                return ".exe"
            case _:
                return self.format.extension


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
