"""Generated mappings in the format of ProGuard and R8.

Source: the ProGuard manual, "ReTrace", "Specifications"; R8's doc/retrace.md.
"""

from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from symdepot.domain.jvm.mapping_query import NameMapping

OBFUSCATED = [f"{package}.{name}" for package in "ab" for name in "abc"]
"""Few, so that names collide."""
METHODS = list("xyz")
_RANGES = st.tuples(st.integers(1, 9), st.integers(0, 4)).map(
    lambda pair: f"{pair[0]}:{pair[0] + pair[1]}:"
)


def written(folder: Path, text: str) -> Path:
    path = folder / "mapping.txt"
    path.write_bytes(text.encode())
    return path


def opened(folder: Path, text: str) -> NameMapping:
    return NameMapping.open(written(folder, text))


@st.composite
def _members(draw: st.DrawFn) -> str:
    original = draw(st.sampled_from(["run", "leaf", "com.foreign.Other.call", "ö"]))
    types = draw(st.sampled_from(["", "int", "com.real.C0,int"]))
    minified = draw(st.just("") | _RANGES)
    lines = draw(st.sampled_from(["", ":7:7", ":7:11", ":7"])) if minified else ""
    return f"    {minified}void {original}({types}){lines} -> {draw(st.sampled_from(METHODS))}"


_NOTES = st.sampled_from(
    [
        '# {"id":"sourceFile","fileName":"Some.kt"}',
        '      # {"id":"com.android.tools.r8.synthesized"}',
        "# a comment -> of somebody:",
        "",
        "junk at the edge",
        "junk -> a.a",
        "    int field -> x",
    ]
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return mappings of a few classes, some of which are inlined into others."""
    lines: list[str] = draw(st.lists(_NOTES, max_size=2))
    names: Sequence[str] = draw(st.lists(st.sampled_from(OBFUSCATED), max_size=5))
    for number, name in enumerate(names):
        original = draw(st.sampled_from([f"com.real.C{number}", "com.foreign.Other"]))
        lines.append(f"{original} -> {name}:")
        lines += draw(st.lists(_members() | _NOTES, max_size=6))
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines) + draw(
        st.sampled_from(["", "\n"])
    )
