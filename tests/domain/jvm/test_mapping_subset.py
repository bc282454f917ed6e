"""The subset of a mapping gives the same results as the whole."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain.jvm import mappings

from symdepot.domain.jvm import mapping_query
from symdepot.domain.jvm.mapping_query import NameMapping
from symdepot.domain.jvm.stack_text import JavaFrame


def subset(path: Path, names: set[str]) -> bytes:
    target = io.BytesIO()
    mapping_query.copy_classes(path, names, target)
    return target.getvalue()


@settings(max_examples=50)
@given(text=mappings.texts(), names=st.sets(st.sampled_from(mappings.OBFUSCATED)))
def test_a_subset_gives_the_same_results(
    text: str, names: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = mappings.written(folder, text)
    part = folder / "subset.txt"
    part.write_bytes(subset(path, names))

    whole, partly = NameMapping.open(path), NameMapping.open(part)

    for name in names:
        assert partly.class_name(name) == whole.class_name(name)
        for method in mappings.METHODS:
            for line in (0, 1, 3, 8, 99):
                frame = JavaFrame(name, method, None, line)
                for types in (None, "", "int", "com.real.C0,int"):
                    assert partly.frames(frame, types) == whole.frames(frame, types)


def test_other_classes_are_left_out(tmp_path: Path) -> None:
    text = """\
# compiler: R8
com.example.Main -> a.a:
    1:1:void com.example.Inner.leaf():7:7 -> c
    1:1:void run():3:3 -> c
com.example.Unasked -> a.b:
    1:1:void more():3:3 -> c
com.example.Inner -> a.c:
# {"id":"sourceFile","fileName":"Other.kt"}
    1:1:void leaf():7:7 -> d
"""

    part = subset(mappings.written(tmp_path, text), {"a.a", "\ud800"}).decode()

    assert [line for line in part.splitlines() if line] == [
        "# compiler: R8",
        "com.example.Main -> a.a:",
        "    1:1:void com.example.Inner.leaf():7:7 -> c",
        "    1:1:void run():3:3 -> c",
        "com.example.Inner -> a.c:",
        '# {"id":"sourceFile","fileName":"Other.kt"}',
    ]


def test_an_unknown_line_does_not_end_a_class(tmp_path: Path) -> None:
    text = "com.example.Main -> a.a:\njunk -> of nobody\n    void run() -> c\n"
    path = mappings.written(tmp_path, text)
    frame = JavaFrame("a.a", "c", None, 0)

    assert NameMapping.open(path).frames(frame)[0].method == "run"
    assert b"void run()" in subset(path, {"a.a"})


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", "no mapping"])
def test_files_without_classes_are_copied_whole(tmp_path: Path, text: str) -> None:
    path = mappings.written(tmp_path, text)

    assert subset(path, {"a.a"}).decode() == text
