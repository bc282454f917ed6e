"""Thousands of real names are demangled as binutils and LLVM demangle them."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import symbolic

from symdepot.domain.symcache import demangler

pytestmark = pytest.mark.slow

OF_RUST = Path(symbolic.__file__).with_name("_lowlevel__lib.so")
_HASH = re.compile(r"::h[0-9a-f]{16}$").sub
_CRATE = re.compile(r"(?<=\w)\[[0-9a-f]+\]").sub
_PART = re.compile(r" \(\.[\w.]+\)$").sub
_TYPE = re.compile(r"(?<=\d): [iu](?:8|16|32|64|size)\b").sub


@pytest.fixture(scope="module")
def of_rust() -> list[str]:
    """The names in a library of Rust, of both of its schemes."""
    return names("nm", OF_RUST)


def names(*command: str | Path) -> list[str]:
    lines = told(*command).splitlines()
    found = {line.split()[-1].partition("@")[0] for line in lines}
    return sorted(name for name in found if name.startswith(("_Z", "_R")))


def told(*command: str | Path, text: str = "") -> str:
    return subprocess.run(  # noqa: S603 -- binutils, on our own files
        command, input=text, check=True, capture_output=True, text=True, timeout=60
    ).stdout


def differing(tool: str, mangled: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what we and `tool` make of each name, where it is not the same."""
    others = told(tool, text="".join(f"{name}\n" for name in mangled)).splitlines()
    for name, other in zip(mangled, others, strict=True):
        if demangler.demangle(name) != other:
            yield demangler.demangle(name), other


def test_old_names_of_rust_are_as_binutils_have_them(of_rust: list[str]) -> None:
    """But for the hash, which binutils show."""
    old = [name for name in of_rust if re.search("17h[0-9a-f]{16}E$", name)]
    assert len(old) > 1_000

    pairs = differing("c++filt", old)

    assert [(own, other) for own, other in pairs if own != _HASH("", other)] == []


def test_new_names_of_rust_are_as_binutils_have_them(of_rust: list[str]) -> None:
    """But for the hashes of crates and the types of constants, which binutils show.

    And but for parts of functions, which binutils do not show.
    """
    new = [name for name in of_rust if name.startswith("_R")]
    assert len(new) > 500

    pairs = differing("c++filt", new)

    assert [
        (own, other)
        for own, other in pairs
        if _PART("", own) != _TYPE("", _CRATE("", other))
    ] == []


def test_names_of_cpp_are_as_llvm_has_them() -> None:
    library = Path(told("g++", "-print-file-name=libstdc++.so.6").strip())
    of_cpp = names("nm", "-D", library)
    assert len(of_cpp) > 3_000

    assert [*differing("llvm-cxxfilt-19", of_cpp)] == []
