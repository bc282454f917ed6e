"""Nobody unpacks a section that says it is larger than any honest one."""

import struct
from pathlib import Path

import pytest
from tests.fixtures import builders

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import inspection
from symdepot.domain.objects import Format, ObjectFile


def inspected(folder: Path, content: bytes) -> list[ObjectFile]:
    path = folder / "some-upload"
    path.write_bytes(content)
    return inspection.inspect(path, name="a")


def refusal(folder: Path, content: bytes) -> str:
    with pytest.raises(NotADebugFile) as caught:
        inspected(folder, content)
    return str(caught.value)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide", [True, False])
def test_sections_that_claim_too_large_a_size_are_refused(
    tmp_path: Path, order: str, *, wide: bool
) -> None:
    fields = (1, 0, 2**31, 1) if wide else (1, 2**31, 1)
    lie = struct.pack(order + ("IIQQ" if wide else "III"), *fields)
    content = builders.elf_section(
        b".debug_info", lie + b"xyz", flags=0x800, wide=wide, order=order
    )

    assert refusal(tmp_path, content) == (
        f"Invalid debug information file: its {len(content)} bytes "
        "say that they unpack to 2147483648 bytes"
    )


def test_zdebug_sections_that_claim_too_large_a_size_are_refused(
    tmp_path: Path,
) -> None:
    lie = b"ZLIB" + struct.pack(">Q", 2**40)

    text = refusal(tmp_path, builders.elf_section(b".zdebug_info", lie))

    assert text.endswith("say that they unpack to 1099511627776 bytes")


@pytest.mark.parametrize(
    ("name", "content"),
    [(b".data", b"ZLIB" + b"\xff" * 8), (b".zdebug_info", b"ZLIB"), (b".text", b"")],
)
def test_sections_without_a_claimed_size_are_accepted(
    tmp_path: Path, name: bytes, content: bytes
) -> None:
    (found,) = inspected(tmp_path, builders.elf_section(name, content))

    assert found.format is Format.ELF


def test_a_large_file_may_decompress_to_32_times_its_size(tmp_path: Path) -> None:
    size_bytes = 32 * 1024**2
    honest = struct.pack("<IIQQ", 1, 0, 31 * size_bytes, 1)
    content = builders.elf_section(b".debug_info", honest, flags=0x800)
    path = tmp_path / "large"
    path.write_bytes(content)
    with path.open("r+b") as file:
        file.truncate(size_bytes)

    (found,) = inspection.inspect(path, name="large")

    assert found.format is Format.ELF
