"""Wildcards mean what they mean to the C library, which debuginfod asks."""

import ctypes
import re
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from symdepot.domain.symbol_paths import globs

FNM_PATHNAME = 1
"""Source: glibc, posix/fnmatch.h."""

LIBC = ctypes.CDLL(None)

TEXTS = st.text("ab/.!-^", max_size=8)
PATTERNS = st.lists(
    st.sampled_from(
        [
            *"ab/.*?-!^",
            "**",
            "\\a",
            "\\*",
            "\\?",
            "\\[",
            "\\\\",
            "[ab]",
            "[!ab]",
            "[a-z]",
            "[!-a]",
            "[*]",
            "[",
        ]
    ),
    max_size=6,
).map("".join)


def libc(pattern: str, path: str) -> bool:
    found: int = LIBC.fnmatch(pattern.encode(), path.encode(), FNM_PATHNAME)
    return found == 0


@settings(max_examples=200)
@given(pattern=PATTERNS, path=TEXTS)
def test_a_pattern_matches_as_fnmatch_in_c(pattern: str, path: str) -> None:
    # Source: POSIX, XCU 2.13.3: no brackets reach across a slash; glibc's do.
    assume(not re.search(r"\[[^]]*/", pattern))

    assert globs.matcher(pattern)(path) == libc(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/usr/bin/*", "/usr/bin/hello"),
        ("*", "hello.debug"),
        ("hello*", "hello"),
        ("/usr/*/lib?.so*", "/usr/lib/libc.so.6"),
        ("\\[a]", "[a]"),
        ("ä?c", "äbc"),
        ("a\nb*", "a\nbc"),
        ("*", ""),
    ],
)
def test_a_pattern_matches_the_whole_path(pattern: str, path: str) -> None:
    matches = globs.matcher(pattern)

    assert matches(path)
    assert not matches(f"{path}/x")
    assert not matches(f"x/{path}")
    assert path.startswith(globs.literal_prefix(pattern))


def test_hostile_patterns_are_fast() -> None:
    before = time.process_time()

    assert not globs.matcher("*a" * 60 + "b")("a" * 4000)

    assert time.process_time() - before < 1
