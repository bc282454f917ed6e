"""An excerpt of a mapping answers as all of it would, and is small."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain import mappings

from symdepot.domain.jvm import mapping_subset
from symdepot.domain.jvm.retrace import NameMapping
from symdepot.domain.jvm.stack_text import JavaFrame


def excerpt(mapping: Path, names: set[str]) -> bytes:
    into = io.BytesIO()
    mapping_subset.copy_classes(mapping, names, into)
    return into.getvalue()


@settings(max_examples=50)
@given(text=mappings.texts(), names=st.sets(st.sampled_from(mappings.SHORT)))
def test_an_excerpt_answers_as_the_whole(
    text: str, names: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = mappings.kept(folder, text)
    part = folder / "excerpt.txt"
    part.write_bytes(excerpt(path, names))

    whole, partly = NameMapping.open(path), NameMapping.open(part)

    for name in names:
        assert partly.class_name(name) == whole.class_name(name)
        for method in mappings.METHODS:
            for line in (0, 1, 3, 8, 99):
                frame = JavaFrame(name, method, None, line)
                for types in (None, "", "int", "com.real.C0,int"):
                    assert partly.frames(frame, types) == whole.frames(frame, types)


def test_what_nobody_asks_for_is_left_out(tmp_path: Path) -> None:
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

    part = excerpt(mappings.kept(tmp_path, text), {"a.a", "\ud800"}).decode()

    assert [line for line in part.splitlines() if line] == [
        "# compiler: R8",
        "com.example.Main -> a.a:",
        "    1:1:void com.example.Inner.leaf():7:7 -> c",
        "    1:1:void run():3:3 -> c",
        "com.example.Inner -> a.c:",
        '# {"id":"sourceFile","fileName":"Other.kt"}',
    ]


def test_a_line_that_is_none_of_a_mapping_ends_no_class(tmp_path: Path) -> None:
    text = "com.example.Main -> a.a:\njunk -> of nobody\n    void run() -> c\n"
    path = mappings.kept(tmp_path, text)
    frame = JavaFrame("a.a", "c", None, 0)

    assert NameMapping.open(path).frames(frame)[0].method == "run"
    assert b"void run()" in excerpt(path, {"a.a"})


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", "no mapping"])
def test_of_what_names_no_class_there_is_little_to_leave_out(
    tmp_path: Path, text: str
) -> None:
    path = mappings.kept(tmp_path, text)

    assert excerpt(path, {"a.a"}).decode() == text
