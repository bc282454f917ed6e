"""All spellings of a path are one path, and no other."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.domain.stacks import source_paths


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/usr/src/a.c", "/usr/src/a.c"),
        ("//usr///src/a.c", "/usr/src/a.c"),
        ("/usr/./src/./a.c", "/usr/src/a.c"),
        ("/usr/lib/x/../../src/a.c", "/usr/src/a.c"),
        ("/../../a.c", "/a.c"),
        ("./stdlib/./stdlib/exit.c", "stdlib/stdlib/exit.c"),
        ("../a.c", "../a.c"),
        ("x/../../a.c", "../a.c"),
        ("c:\\src\\lib\\..\\a.c", "C:/src/a.c"),
        ("C:/src//a.c", "C:/src/a.c"),
        ("C:\\..\\a.c", "C:/a.c"),
        ("src\\a.c", "src/a.c"),
        ("\\src\\a.c", "/src/a.c"),
        ("\\\\server\\share\\a.c", "//server/share/a.c"),
        ("~/com/example/Main.jvm", "~/com/example/Main.jvm"),
        ("C:", "C:/"),
        ("C:a.c", "C:a.c"),
        ("", ""),
    ],
)
def test_all_spellings_become_one(path: str, canonical: str) -> None:
    assert source_paths.canonical_path(path) == canonical


@given(st.lists(st.sampled_from(["a", "b", "..", ".", "", "c.d"])), st.booleans())
def test_folds_paths_of_posix_as_the_standard_library_does(
    parts: list[str],
    absolute: bool,  # noqa: FBT001 -- hypothesis hands it over
) -> None:
    path = ("/" if absolute else "./") + "/".join(parts)

    expected = posixpath.normpath("/" + path.lstrip("/") if absolute else path)

    assert source_paths.canonical_path(path) == ("" if expected == "." else expected)


@given(st.text(alphabet="aB:/\\.", max_size=20))
def test_the_canonical_path_is_canonical(path: str) -> None:
    canonical = source_paths.canonical_path(path)

    if not canonical.startswith("//"):
        assert source_paths.canonical_path(canonical) == canonical
