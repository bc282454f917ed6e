"""A Windows program of which a part is missing is not taken for the whole."""

import struct
from pathlib import Path
from uuid import UUID

import pytest
from tests.fixtures import builders

from symdepot.domain.formats import pe_truncation

PADDING = 0x200


def a_program(
    *sections: tuple[int, int, int], symbols: tuple[int, int] = (0, 0)
) -> bytes:
    """Return headers with sections of (virtual size, raw size, raw offset)."""
    start = 0x40
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", start)
    coff = struct.pack("<HHIIIHH", 0x8664, len(sections), 0, *symbols, 0, 0)
    table = b"".join(
        struct.pack("<8s6I2HI", b".text", virtual, 0x1000, raw, offset, *[0] * 5)
        for virtual, raw, offset in sections
    )
    return (dos + b"PE\0\0" + coff + table).ljust(PADDING, b"\0")


def minimum(folder: Path, content: bytes) -> int:
    path = folder / "some-program"
    path.write_bytes(content)
    return pe_truncation.minimum_size(path)


@pytest.mark.parametrize(
    ("program", "least_bytes"),
    [
        (a_program(), 0),
        (a_program((0x300, 0x400, 0x200)), 0x500),
        (a_program((0x900, 0x400, 0x200)), 0x600),
        (a_program((0, 0x400, 0x200)), 0x600),
        (a_program((0x300, 0x400, 0)), 0),
        (a_program((0x300, 0x400, 0x600), (0x300, 0x400, 0x200)), 0x900),
        (a_program((0x10, 0x10, 0x200), symbols=(0x210, 3)), 0x210 + 3 * 18),
        (a_program((0x10, 0x10, 0x200), symbols=(0x210, 0)), 0x210),
    ],
)
def test_the_minimum_size_includes_sections_and_symbols(
    tmp_path: Path, program: bytes, least_bytes: int
) -> None:
    assert minimum(tmp_path, program) == least_bytes


def test_the_minimum_size_includes_symbol_names(tmp_path: Path) -> None:
    content = a_program(symbols=(PADDING, 1)) + bytes(18) + struct.pack("<I", 99)

    assert minimum(tmp_path, content) == PADDING + 18 + 99


@pytest.mark.parametrize(
    "content",
    [
        b"M",
        b"MZ",
        b"MZ".ljust(0x40, b"\xff"),
        b"MZ".ljust(0x100, b"\0"),
        a_program((1, 1, 1))[:0x60],
        b"\x7fELF".ljust(0x100, b"\0"),
    ],
)
def test_the_minimum_size_of_other_files_is_0(tmp_path: Path, content: bytes) -> None:
    assert minimum(tmp_path, content) == 0


def test_a_complete_program_has_the_minimum_size(tmp_path: Path) -> None:
    content = builders.pe(UUID(int=7))

    assert minimum(tmp_path, content) <= len(content)
