"""Source lines with context, and canonical paths."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.domain.stacks import sources
from symdepot.domain.stacks.sources import SourceContext

TWENTY = [f"line {number}" for number in range(1, 21)]


def test_context_is_five_lines_before_and_after() -> None:
    assert sources.context_of_line(TWENTY, 10) == SourceContext(
        before=TWENTY[4:9], line="line 10", after=TWENTY[10:15]
    )


@pytest.mark.parametrize(
    ("number", "before", "after"), [(1, 0, 5), (2, 1, 5), (20, 5, 0)]
)
def test_context_is_shorter_at_the_ends_of_a_file(
    number: int, before: int, after: int
) -> None:
    found = sources.context_of_line(TWENTY, number)

    assert found is not None
    assert (len(found.before), found.line, len(found.after)) == (
        before,
        f"line {number}",
        after,
    )


@pytest.mark.parametrize("number", [-1, 0, 21, 2**63])
def test_a_missing_line_has_no_context(number: int) -> None:
    assert sources.context_of_line(TWENTY, number) is None


def test_long_lines_are_cut() -> None:
    found = sources.context_of_line(["x" * 150, "y" * 151, "z" * 9999], 2)

    assert found == SourceContext(
        before=["x" * 150], line="y" * 140 + " {snip}", after=["z" * 140 + " {snip}"]
    )


def test_only_line_feeds_end_lines() -> None:
    text = "a\r\nb\x0b\x0c\x85\u2028c\rd\n\ne"

    assert sources.split_lines(text) == ["a", "b\x0b\x0c\x85\u2028c\rd", "", "e"]
    assert sources.split_lines("a\n") == ["a"]
    assert sources.split_lines("") == []


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
def test_all_spellings_of_a_path_become_one(path: str, canonical: str) -> None:
    assert sources.canonical_path(path) == canonical


@given(st.lists(st.sampled_from(["a", "b", "..", ".", "", "c.d"])), st.booleans())
def test_agrees_with_posixpath(
    parts: list[str],
    absolute: bool,  # noqa: FBT001 -- hypothesis passes it
) -> None:
    path = ("/" if absolute else "./") + "/".join(parts)

    expected = posixpath.normpath("/" + path.lstrip("/") if absolute else path)

    assert sources.canonical_path(path) == ("" if expected == "." else expected)


@given(st.text(alphabet="aB:/\\.", max_size=20))
def test_canonical_paths_are_unchanged(path: str) -> None:
    canonical = sources.canonical_path(path)

    if not canonical.startswith("//"):
        assert sources.canonical_path(canonical) == canonical
