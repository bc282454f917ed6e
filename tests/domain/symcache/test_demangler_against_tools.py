"""Thousands of real names are demangled as by binutils and LLVM."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import symbolic

from symdepot.domain.symcache import demangler

pytestmark = pytest.mark.slow

RUST_LIBRARY = Path(symbolic.__file__).with_name("_lowlevel__lib.so")
_HASH = re.compile(r"::h[0-9a-f]{16}$").sub
_CRATE = re.compile(r"(?<=\w)\[[0-9a-f]+\]").sub
_PART = re.compile(r" \(\.[\w.]+\)$").sub
_TYPE = re.compile(r"(?<=\d): [iu](?:8|16|32|64|size)\b").sub


@pytest.fixture(scope="module")
def rust_names() -> list[str]:
    """Mangled names of both schemes in a Rust library."""
    return names("nm", RUST_LIBRARY)


def names(*command: str | Path) -> list[str]:
    lines = output(*command).splitlines()
    found = {line.split()[-1].partition("@")[0] for line in lines}
    return sorted(name for name in found if name.startswith(("_Z", "_R")))


def output(*command: str | Path, text: str = "") -> str:
    return subprocess.run(  # noqa: S603 -- binutils, on our own files
        command, input=text, check=True, capture_output=True, text=True, timeout=60
    ).stdout


def differing(tool: str, mangled: list[str]) -> Iterator[tuple[str, str]]:
    """Yield our result and that of `tool` for names where they differ."""
    others = output(tool, text="".join(f"{name}\n" for name in mangled)).splitlines()
    for name, other in zip(mangled, others, strict=True):
        if demangler.demangle(name) != other:
            yield demangler.demangle(name), other


def test_legacy_rust_names_agree_with_binutils(rust_names: list[str]) -> None:
    """Binutils do not remove the hash."""
    old = [name for name in rust_names if re.search("17h[0-9a-f]{16}E$", name)]
    assert len(old) > 1_000

    pairs = differing("c++filt", old)

    assert [(own, other) for own, other in pairs if own != _HASH("", other)] == []


def test_v0_rust_names_agree_with_binutils(rust_names: list[str]) -> None:
    """Binutils show hashes of crates and types of constants, and no function parts."""
    new = [name for name in rust_names if name.startswith("_R")]
    assert len(new) > 500

    pairs = differing("c++filt", new)

    assert [
        (own, other)
        for own, other in pairs
        if _PART("", own) != _TYPE("", _CRATE("", other))
    ] == []


def test_cpp_names_agree_with_llvm() -> None:
    library = Path(output("g++", "-print-file-name=libstdc++.so.6").strip())
    of_cpp = names("nm", "-D", library)
    assert len(of_cpp) > 3_000

    assert [*differing("llvm-cxxfilt-19", of_cpp)] == []
