"""Guesses the type of a file from its first bytes, without parsing it.

Cheap, for walks through whole disks. A file that looks like a debug file may turn out to
be none. Symbol maps in JSON look like any other JSON, so they are not recognised.
"""

import re
from enum import StrEnum

from symdepot.domain.formats import elf_headers, fat_macho, proguard

HEAD_BYTES = 4096

_MAGICS = (
    b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0",
    b"BSJB",
    b"MODULE ",
    b"\0asm",
    b"SYSB",
    b"BCSymbolMap",
    *fat_macho.THIN_MAGICS,
)
_PE = b"PE\0\0"
_PE_OFFSET = slice(60, 64)
_FAT_COUNT = slice(4, 8)
_UUID_MAP_KEY = b"DBGOriginalUUID"

_ZIP = b"PK\x03\x04"
_is_tar = re.compile(r".\.(tar(\.\w+)?|tgz|tbz2?|txz|tzst)\Z", re.IGNORECASE).search
_is_zip = re.compile(r".\.zip\Z", re.IGNORECASE).search


class ArchiveKind(StrEnum):
    """The kinds of archives that debug files come in."""

    CABINET = "cab"
    DEB = "deb"
    RPM = "rpm"
    TAR = "tar"
    ZIP = "zip"


_PACKAGES = {
    b"!<arch>\ndebian-binary": ArchiveKind.DEB,
    b"\xed\xab\xee\xdb": ArchiveKind.RPM,
    b"MSCF\0\0\0\0": ArchiveKind.CABINET,
}


def may_be_debug_file(head: bytes, name: str) -> bool:
    """Return whether a file with this head and name may be a debug file.

    `head` is its first `HEAD_BYTES`, or all of it. Core dumps, DOS programs and Java
    class files, which have the magic numbers of others, are not debug files. ProGuard
    mappings are recognised by name alone.

    Source: symbolic-debuginfo/src/object.rs, `peek`; the ELF gABI, `e_type`; Microsoft,
    "PE Format"; Apple, mach-o/fat.h; symbolic-debuginfo/src/macho/bcsymbolmap.rs,
    `UuidMapping::parse_plist`.
    """
    for magic, matches in _AMBIGUOUS_MAGICS.items():
        if head.startswith(magic):
            return matches(head)
    return head.startswith(_MAGICS) or proguard.id_from_name(name) is not None


def archive_kind(head: bytes, name: str) -> ArchiveKind | None:
    """Return the kind of the archive with this head and name, or None.

    Packages and cabinets are recognised by content, tar and zip by name as well: many
    documents are zips.

    Source: deb(5); rpm's docs, "RPM V4 Package format", lead; Microsoft, "Cabinet File
    Format", CFHEADER; APPNOTE.TXT 4.3.7.
    """
    for magic, kind in _PACKAGES.items():
        if head.startswith(magic):
            return kind
    if _is_tar(name):
        return ArchiveKind.TAR
    return ArchiveKind.ZIP if _is_zip(name) and head.startswith(_ZIP) else None


def _is_not_core(head: bytes) -> bool:
    header = elf_headers.read_header(head)
    return header is None or header.type != elf_headers.TYPE_CORE


def _is_pe(head: bytes) -> bool:
    """Return whether there is a PE header; true if it would be beyond `head`."""
    at = int.from_bytes(head[_PE_OFFSET], "little")
    return at + len(_PE) > HEAD_BYTES or head[at : at + len(_PE)] == _PE


def _is_fat(head: bytes) -> bool:
    return 0 < int.from_bytes(head[_FAT_COUNT]) <= fat_macho.MAX_SLICES


def _is_uuid_map(head: bytes) -> bool:
    return _UUID_MAP_KEY in head


_AMBIGUOUS_MAGICS = {
    elf_headers.MAGIC: _is_not_core,
    b"MZ": _is_pe,
    fat_macho.MAGIC: _is_fat,
    b"<?xml": _is_uuid_map,
}
"""Magic numbers that other files begin with, too, and the check of the whole head."""
