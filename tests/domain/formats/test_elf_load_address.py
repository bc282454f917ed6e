"""Where an ELF file begins is read from its head, whatever a stranger wrote there."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures import compiled

from symdepot.domain.formats import elf_headers as formats_elf

BASE = 0x40_0000
NOTE, LOAD = 4, 1


def elf(
    *, wide: bool, order: str, kinds: tuple[int, ...] = (NOTE, LOAD, LOAD)
) -> bytes:
    """The head of a file with a segment of each of these kinds.

    Written by hand after the System V ABI, chapter 4.
    """
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1])
    kind, size, header = ("Q", 56, 64) if wide else ("I", 32, 52)
    head = struct.pack(
        f"{order}16sHHI3{kind}IHHHHHH",
        *(ident, 2, 62, 1, 0, header, 0, 0, header, size, len(kinds), 0, 0, 0),
    )
    fields = "IIQQQQQQ" if wide else "IIIIIIII"
    for place, one in enumerate(kinds):
        at = BASE + place * 0x1000
        before = (one, 5, 0) if wide else (one, 0)
        rest = [0] * (len(fields) - len(before) - 1)
        head += struct.pack(f"{order}{fields}", *before, at, *rest)
    return head


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_load_address_is_that_of_the_first_loaded_segment(
    *, wide: bool, order: str
) -> None:
    assert formats_elf.load_address(elf(wide=wide, order=order)) == BASE + 0x1000
    assert formats_elf.load_address(elf(wide=wide, order=order, kinds=(NOTE,))) == 0


@pytest.mark.parametrize(("option", "begins"), [("-no-pie", BASE), ("-pie", 0)])
def test_the_load_address_is_that_of_the_linker(
    tmp_path: Path, option: str, begins: int
) -> None:
    program = compiled.elf_program(tmp_path, options=option)
    companion = compiled.debug_companion(program)

    for path in (program, companion):
        head = path.read_bytes()[: formats_elf.HEAD_BYTES]
        assert formats_elf.load_address(head) == begins


@given(noise=st.binary(max_size=100), at=st.integers(0, 200), wide=st.booleans())
def test_a_malformed_head_never_raises(noise: bytes, at: int, *, wide: bool) -> None:
    head = elf(wide=wide, order="<")

    assert formats_elf.load_address(noise) == 0
    assert formats_elf.load_address(head[:at] + noise + head[at + len(noise) :]) >= 0
    assert formats_elf.load_address(head[:at]) >= 0


@pytest.mark.parametrize("offset", [1 << 62, 1 << 63, (1 << 64) - 1])
def test_an_offset_that_no_file_has_is_address_0(offset: int) -> None:
    head = bytearray(elf(wide=True, order="<"))
    struct.pack_into("<Q", head, 32, offset)

    assert formats_elf.load_address(bytes(head)) == 0
