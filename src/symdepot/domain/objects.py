"""What a debug file is: format, architecture, kind, features and ids."""

from dataclasses import dataclass
from enum import StrEnum

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
