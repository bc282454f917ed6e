"""Executable sections are read from damaged headers, too, without an error."""

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures import builders

from symdepot.domain.formats.code_sections import code_sections

ID = UUID(int=7)
FILES = {
    "pdb": builders.pdb(ID),
    "pe": builders.pe(ID),
    "macho": builders.dsym(ID),
    "fat": builders.fat_macho([(ID, builders.CPU_X86_64)], builders.dsym),
}


@given(
    content=st.sampled_from(list(FILES.values())),
    damage=st.tuples(st.integers(0, 4096), st.binary(max_size=8)),
    kept=st.integers(0, 4096),
)
def test_damaged_headers_raise_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes,
    damage: tuple[int, bytes],
    kept: int,
) -> None:
    at, noise = damage
    path: Path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes((content[:at] + noise + content[at + len(noise) :])[:kept])

    assert isinstance(code_sections(path, ID), list)
