"""Debug files and packages are told from all else by their first bytes."""

import struct
from uuid import UUID

import pytest
from tests.fixtures import builders

from symdepot.domain.formats import file_type
from symdepot.domain.formats.file_type import HEAD_BYTES, ArchiveKind

ID = UUID(int=7)
ELF = b"\x7fELF\x02\x01\x01" + bytes(9)
DEBUG_FILES = {
    "Breakpad": builders.breakpad(ID),
    "source bundle": builders.source_bundle(ID, {"/a.c": "int a;"}),
    "Mach-O": builders.macho(ID),
    "fat Mach-O": builders.fat_macho([(ID, builders.CPU_ARM64)]),
    "PE": builders.pe(ID),
    "PDB": builders.pdb(ID),
    "portable PDB": builders.portable_pdb(ID, 7),
    "BCSymbolMap": builders.bc_symbol_map("a"),
    "UUID map": builders.uuid_map(ID),
    "WebAssembly": builders.wasm(bytes(16)),
    "ELF library": ELF + struct.pack("<H", 3),
    "ELF of big endian": b"\x7fELF\x02\x02\x01" + bytes(9) + struct.pack(">H", 2),
    "PE whose stub is long": b"MZ" + bytes(58) + struct.pack("<I", HEAD_BYTES),
}
OTHERS = {
    "nothing": b"",
    "text": b"MODULES are modules",
    "core dump": ELF + struct.pack("<H", 4),
    "core dump of big endian": b"\x7fELF\x02\x02" + bytes(10) + struct.pack(">H", 4),
    "program of DOS": b"MZ" + bytes(58) + struct.pack("<I", 80) + bytes(100),
    "class file of Java": b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(50),
    "property list": b'<?xml version="1.0"?><plist><dict/></plist>',
    "zip": b"PK\x03\x04" + bytes(50),
    "JSON": b'{"some": "JSON"}',
    "archive of objects": b"!<arch>\nfoo.o/          0 ",
}


@pytest.mark.parametrize("what", DEBUG_FILES)
def test_debug_files_are_recognised_under_any_name(what: str) -> None:
    assert file_type.may_be_debug_file(DEBUG_FILES[what][:HEAD_BYTES], "/x/any.name")


@pytest.mark.parametrize("what", OTHERS)
def test_other_files_are_not_recognised(what: str) -> None:
    assert not file_type.may_be_debug_file(OTHERS[what], "/x/any.name")


def test_a_mapping_is_recognised_by_name() -> None:
    head = builders.PROGUARD_MAPPING

    assert file_type.may_be_debug_file(head, f"/apps/proguard/{ID}.txt")
    assert not file_type.may_be_debug_file(head, f"/apps/elsewhere/{ID}.txt")


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"!<arch>\ndebian-binary   1", "a.ddeb", ArchiveKind.DEB),
        (b"!<arch>\ndebian-binary   1", "whatever", ArchiveKind.DEB),
        (b"\xed\xab\xee\xdb\x03\0", "a.rpm", ArchiveKind.RPM),
        (b"MSCF\0\0\0\0", "crash.pd_", ArchiveKind.CABINET),
        (b"\xfd7zXZ", "symbols.tar.xz", ArchiveKind.TAR),
        (b"\x1f\x8b", "symbols.TGZ", ArchiveKind.TAR),
        (b"any", "symbols.tar", ArchiveKind.TAR),
        (b"PK\x03\x04", "symbols.zip", ArchiveKind.ZIP),
        (b"PK\x03\x04", "document.odt", None),
        (b"any", "symbols.zip", None),
        (b"\x1f\x8b", "changelog.gz", None),
        (b"!<arch>\nfoo.o/", "libfoo.a", None),
        (b"any", "tar", None),
    ],
)
def test_packages_are_recognised_by_content_and_archives_by_name(
    head: bytes, name: str, kind: ArchiveKind | None
) -> None:
    assert file_type.archive_kind(head, name) is kind
