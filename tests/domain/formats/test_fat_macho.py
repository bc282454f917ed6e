"""A fat file is cut where its thin files lie, and left whole if it lies."""

import struct
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fixtures import builders

from symdepot.domain.formats import fat_macho, inspection
from symdepot.domain.formats.fat_macho import FatSlice

ID = UUID("dfb8e43a-f242-3d73-a453-aeb6a777ef75")
FAT = builders.fat_macho([(ID, builders.CPU_X86_64), (UUID(int=5), builders.CPU_ARM64)])
ENTRIES_AT, ENTRY_BYTES, OFFSET_AT, SIZE_AT = 8, 20, 8, 12


def slices(folder: Path, content: bytes) -> list[FatSlice]:
    path = folder / "fat"
    path.write_bytes(content)
    return fat_macho.slices(path)


def lying(place: int, field: int, value: int, content: bytes = FAT) -> bytes:
    changed = bytearray(content)
    at = ENTRIES_AT + place * ENTRY_BYTES + field
    struct.pack_into(">I", changed, at, value)
    return bytes(changed)


def test_each_slice_is_a_thin_file(tmp_path: Path) -> None:
    found = []
    for one in slices(tmp_path, FAT):
        thin = tmp_path / "thin"
        thin.write_bytes(FAT[one.offset : one.offset + one.size_bytes])
        found += inspection.inspect(thin, name="App")

    assert [(o.arch, o.debug_id.uuid) for o in found] == [
        ("x86_64", ID),
        ("arm64", UUID(int=5)),
    ]


def test_a_fat_file_may_have_one_slice(tmp_path: Path) -> None:
    content = builders.fat_macho([(ID, builders.CPU_ARM64)])

    (one,) = slices(tmp_path, content)

    thin = content[one.offset : one.offset + one.size_bytes]
    assert thin == builders.macho(ID, builders.CPU_ARM64).ljust(64, b"\0")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xca\xfe",
        b"\xca\xfe\xba\xbe",
        FAT[:20],
        FAT[:-1],
        builders.macho(ID),
        builders.breakpad(ID),
        b"\xca\xfe\xba\xbe" + struct.pack(">I", 0),
        lying(0, OFFSET_AT, 8),
        lying(1, OFFSET_AT, 64),
        lying(1, OFFSET_AT, 0xFFFF_FFFF),
        lying(1, SIZE_AT, 0xFFFF_FFFF),
        lying(1, SIZE_AT, 65),
        lying(0, SIZE_AT, 65),
        lying(0, SIZE_AT, 0),
        lying(1, SIZE_AT, 3),
        FAT.replace(struct.pack("<I", 0xFEED_FACF), b"none", 1),
    ],
)
def test_a_malformed_fat_file_has_no_slices(tmp_path: Path, content: bytes) -> None:
    assert slices(tmp_path, content) == []


@pytest.mark.parametrize("version", [45, 52, 65])
def test_a_java_class_file_has_no_slices(tmp_path: Path, version: int) -> None:
    # Classes begin with the same four bytes; then comes their version.
    content = b"\xca\xfe\xba\xbe" + struct.pack(">HH", 0, version) + bytes(2000)

    assert slices(tmp_path, content) == []


def test_too_many_slices_are_no_slices(tmp_path: Path) -> None:
    def content(count: int) -> bytes:
        return builders.fat_macho(
            [(UUID(int=n), builders.CPU_ARM64) for n in range(count)]
        )

    assert len(slices(tmp_path, content(44))) == 44
    assert slices(tmp_path, content(45)) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 200))
def test_slices_never_overlap_or_exceed_the_file(
    tmp_path: Path, noise: bytes, at: int
) -> None:
    content = FAT[:at] + noise + FAT[at + len(noise) :]

    covered = 0
    for one in sorted(slices(tmp_path, content), key=lambda one: one.offset):
        assert one.offset >= covered
        covered = one.offset + one.size_bytes

    assert covered <= len(content)
