"""Files of one program have one bare name, whatever they are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.domain.symbol_paths import name_normalization


@pytest.mark.parametrize(
    "name",
    [
        "App",
        "app.exe",
        "App.PDB",
        r"C:\build\x64\app.dll",
        "app.pdb/",
        "/usr/lib/debug/usr/bin/app.debug",
        "app.sym",
        "app.exe.debug",
        "app.ko.xz",
    ],
)
def test_files_of_one_program_have_the_same_name(name: str) -> None:
    assert name_normalization.normalize(name) == "app"


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("libssl.so.3", "libssl.so.3"),
        ("libfoo.dylib", "libfoo.dylib"),
        ("base.apk!libgame.so", "libgame.so"),
        ("/data/app/base.apk!/lib/arm64/libgame.so", "libgame.so"),
        (".debug", ".debug"),
        ("my app", "my app"),
        ("a\0b", "ab"),
        ("/", ""),
        ("", ""),
    ],
)
def test_different_programs_have_different_names(name: str, bare: str) -> None:
    assert name_normalization.normalize(name) == bare


@given(st.text())
def test_normalizing_is_idempotent_and_fits_the_column(name: str) -> None:
    bare = name_normalization.normalize(name)

    assert len(bare) <= name_normalization.MAX_LENGTH
    assert name_normalization.normalize(bare) == bare
