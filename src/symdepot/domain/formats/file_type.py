"""What a file looks like by its first bytes, before anybody parses it.

A look that costs nothing, for whoever goes through a whole disk. Who looks like a debug
file may turn out to be none; who does not look like one is none that could be told from
all else, and maps of names in JSON are among those.
"""

import re
from enum import StrEnum
from typing import Literal

from symdepot.domain.formats import proguard

HEAD_BYTES = 4096

_MAGICS = (
    b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0",
    b"BSJB",
    b"MODULE ",
    b"\0asm",
    b"SYSB",
    b"BCSymbolMap",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
)
_ELF_TYPE = slice(16, 18)
_CORE = 4
_PE = b"PE\0\0"
_PE_OFFSET = slice(60, 64)
_FAT_COUNT = slice(4, 8)
_MOST_SLICES = 44
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
    """Say whether a file called `name` that begins with `head` may be a debug file.

    `head` are its first `HEAD_BYTES`, or all that it has. Core dumps are none, nor are
    programs of DOS and class files of Java, which begin like others. A mapping of
    ProGuard's is known by its name alone.

    Source: symbolic-debuginfo/src/object.rs, `peek`; the ELF gABI, `e_type`; Microsoft,
    "PE Format"; Apple, mach-o/fat.h; symbolic-debuginfo/src/macho/bcsymbolmap.rs,
    `UuidMapping::parse_plist`.
    """
    for start, is_one in _DOUBTFUL.items():
        if head.startswith(start):
            return is_one(head)
    return head.startswith(_MAGICS) or proguard.id_from_name(name) is not None


def archive_kind(head: bytes, name: str) -> ArchiveKind | None:
    """Return which archive a file called `name` that begins with `head` is, or None.

    Packages and cabinets are known by their content. What may hold anything, tar and
    zip, only by their names: many a document is a zip.

    Source: deb(5); rpm's docs, "RPM V4 Package format", lead; Microsoft, "Cabinet File
    Format", CFHEADER; APPNOTE.TXT 4.3.7.
    """
    for start, kind in _PACKAGES.items():
        if head.startswith(start):
            return kind
    if _is_tar(name):
        return ArchiveKind.TAR
    return ArchiveKind.ZIP if _is_zip(name) and head.startswith(_ZIP) else None


def _is_no_core(head: bytes) -> bool:
    order: Literal["big", "little"] = "big" if head[5:6] == b"\x02" else "little"
    return int.from_bytes(head[_ELF_TYPE], order) != _CORE


def _is_pe(head: bytes) -> bool:
    """Say whether there is a PE header; if it lies beyond `head`, give it the benefit."""
    at = int.from_bytes(head[_PE_OFFSET], "little")
    return at + len(_PE) > HEAD_BYTES or head[at : at + len(_PE)] == _PE


def _is_fat(head: bytes) -> bool:
    return 0 < int.from_bytes(head[_FAT_COUNT]) <= _MOST_SLICES


def _is_uuid_map(head: bytes) -> bool:
    return _UUID_MAP_KEY in head


_DOUBTFUL = {
    b"\x7fELF": _is_no_core,
    b"MZ": _is_pe,
    b"\xca\xfe\xba\xbe": _is_fat,
    b"<?xml": _is_uuid_map,
}
"""What other files begin like, too, and how those are told."""
