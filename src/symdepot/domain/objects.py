"""What a debug file is: format, architecture, kind, features and ids."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.ids import CodeId, DebugId


class Format(StrEnum):
    """The file formats that we keep, by the names that Sentry's clients know.

    Source: spec/sentry-server 2.12, column `symbolType`.
    """

    BREAKPAD = "breakpad"
    ELF = "elf"
    MACHO = "macho"
    PDB = "pdb"
    PE = "pe"
    PORTABLE_PDB = "portablepdb"
    PROGUARD = "proguard"
    SOURCE_BUNDLE = "sourcebundle"
    WASM = "wasm"

    @property
    def mime_type(self) -> str:
        """The content type that clients show for a file of this format."""
        return _MIME_TYPES[self]


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """One object inside a file, as far as a catalogue wants to know it.

    `kind` is symbolic's word (`exe`, `lib`, `dbg`, `rel`, `src`, …) or None where the
    format has none. `arch` is symbolic's word too, or `any`. `features` are among
    `symtab`, `debug`, `unwind`, `sources` and `mapping`.
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
        """What a downloaded copy's name should end in.

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


def thin(objects: Sequence[ObjectFile]) -> ObjectFile:
    """Return the one object of a file.

    Raises:
        NotADebugFile: the file holds several, or none.

    Source: spec/sentry-server 2.9; clients send the slices of a fat file one by one.
    """
    if len(objects) != 1:
        raise NotADebugFile(
            "Contained wrong number of architectures "
            f"(expected one, got {len(objects)})"
        )
    return objects[0]


def claimed(object_file: ObjectFile, claim: DebugId | None) -> ObjectFile:
    """Return the object under the debug id that the client claims, if it may.

    A client may correct the age, which a program does not always know of its PDB. A
    claim of another UUID is passed over.

    Source: spec/sentry-server 2.11.
    """
    if claim is None or claim.uuid != object_file.debug_id.uuid:
        return object_file
    return replace(object_file, debug_id=claim)


def findable(object_file: ObjectFile) -> ObjectFile:
    """Return the object, if anybody could ever ask for it.

    Raises:
        NotADebugFile: it has no id at all.
    """
    if object_file.debug_id.is_nil and object_file.code_id is None:
        raise NotADebugFile(
            "This file has neither a debug id nor a code id, "
            "so nothing could ever find it."
        )
    return object_file


_MIME_TYPES = {
    Format.BREAKPAD: "text/x-breakpad",
    Format.ELF: "application/x-elf-binary",
    Format.MACHO: "application/x-mach-binary",
    Format.PDB: "application/x-ms-pdb",
    Format.PE: "application/x-dosexec",
    Format.PORTABLE_PDB: "application/x-portable-pdb",
    Format.PROGUARD: "text/x-proguard+plain",
    Format.SOURCE_BUNDLE: "application/x-sentry-bundle+zip",
    Format.WASM: "application/wasm",
}

_EXTENSIONS = {
    Format.BREAKPAD: ".sym",
    Format.PDB: ".pdb",
    Format.PORTABLE_PDB: ".pdb",
    Format.PROGUARD: ".txt",
    Format.SOURCE_BUNDLE: ".src.zip",
    Format.WASM: ".wasm",
}
