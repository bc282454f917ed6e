"""A section is found in an ELF file, whatever a stranger wrote into its tables."""

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures import builders, compiled

from symdepot.domain.formats import elf_headers
from symdepot.domain.formats.elf_headers import Section

CONTENT = b"0123456789"


def find(content: bytes, name: str) -> Section | None:
    def read(start: int, size: int) -> bytes:
        return content[start : start + size]

    return elf_headers.find_section(read, len(content), name)


def found(content: bytes, name: str) -> bytes | None:
    section = find(content, name)
    if section is None:
        return None
    return content[section.start : section.start + section.size_bytes]


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_sections_are_found_in_both_classes_and_byte_orders(
    *, wide: bool, order: str
) -> None:
    content = builders.elf_section(b".one", CONTENT, wide=wide, order=order)

    assert found(content, ".one") == CONTENT
    assert found(content, ".two") is None
    assert found(content, ".on") is None
    assert found(content, "one") is None
    assert found(content, "") is None


@pytest.mark.parametrize("name", [".text", ".debug_info", ".comment", ".symtab"])
def test_sections_equal_those_of_binutils(tmp_path: Path, name: str) -> None:
    program = compiled.elf_program(tmp_path)
    there = tmp_path / "section"
    if name == ".symtab":
        assert found(program.read_bytes(), name)
        return
    words: list[str | Path] = [
        "objcopy",
        "--dump-section",
        f"{name}={there}",
        program,
        "/dev/null",
    ]
    subprocess.run(words, check=True)  # noqa: S603 -- our words

    assert found(program.read_bytes(), name) == there.read_bytes()


def test_sections_that_a_companion_lacks_are_not_found(tmp_path: Path) -> None:
    companion = compiled.debug_companion(compiled.elf_program(tmp_path))

    assert found(companion.read_bytes(), ".text") is None
    assert found(companion.read_bytes(), ".bss") is None
    assert found(companion.read_bytes(), ".debug_info") is not None


def with_extended_numbers(content: bytes, count: int = 3, names: int = 2) -> bytes:
    """Say the number of sections and the place of their names in section 0."""
    changed = bytearray(content)
    (table,) = struct.unpack_from("<Q", changed, 40)
    struct.pack_into("<HH", changed, 60, 0, 0xFFFF)
    struct.pack_into("<Q", changed, table + 32, count)
    struct.pack_into("<I", changed, table + 40, names)
    return bytes(changed)


def test_extended_section_numbers_are_read() -> None:
    content = with_extended_numbers(builders.elf_section(b".one", CONTENT))

    assert found(content, ".one") == CONTENT


@pytest.mark.parametrize(
    ("count", "names"),
    [(0, 0), (2, 2), (3, 0xFFFF_FFFF), (1 << 63, 2), (100_001, 2), (100_000, 2)],
)
def test_impossible_section_numbers_find_nothing_wrong(count: int, names: int) -> None:
    content = with_extended_numbers(
        builders.elf_section(b".one", CONTENT), count, names
    )

    assert found(content, ".one") in {None, CONTENT}


def test_a_section_outside_the_file_is_not_found() -> None:
    content = bytearray(builders.elf_section(b".one", CONTENT))
    (table,) = struct.unpack_from("<Q", content, 40)
    for start, size in ((0, len(content) + 1), (len(content) + 1, 0), (1 << 63, 1)):
        struct.pack_into("<QQ", content, table + 64 + 24, start, size)

        assert find(bytes(content), ".one") is None


def with_names_of(size: int) -> bytes:
    content = bytearray(builders.elf_section(b".one", CONTENT))
    (table,) = struct.unpack_from("<Q", content, 40)
    struct.pack_into("<Q", content, table + 2 * 64 + 32, size)
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        with_names_of(1 << 40),
        with_extended_numbers(builders.elf_section(b".one", CONTENT), 1 << 40),
    ],
)
def test_reads_are_limited(content: bytes) -> None:
    sizes = []

    def read(start: int, size: int) -> bytes:
        sizes.append(size)
        return content[start : start + size]

    assert elf_headers.find_section(read, len(content), ".one") is None
    assert max(sizes) <= elf_headers.MAX_SECTIONS * 64


@given(
    place=st.integers(0, 300),
    value=st.integers(0, 255),
    length=st.integers(0, 300),
    name=st.sampled_from([".one", ".shstrtab", "", "\udc80"]),
)
def test_a_malformed_file_never_yields_a_section_outside_it(
    place: int, value: int, length: int, name: str
) -> None:
    whole = bytearray(builders.elf_section(b".one", CONTENT))
    whole[place % len(whole)] = value

    for content in (bytes(whole), bytes(whole[:length])):
        section = find(content, name)
        assert section is None or section.start + section.size_bytes <= len(content)
