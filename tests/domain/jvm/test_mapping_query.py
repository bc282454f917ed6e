"""Mappings are queried in bulk, and texts are retraced with the result."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.jvm import mappings

from symdepot.domain.jvm import mapping_query, retrace, stack_text
from symdepot.domain.jvm.retrace import (
    MappingQuery,
    MappingResult,
    ObfuscatedFrame,
)
from symdepot.domain.jvm.stack_text import JavaFrame

MAPPING = """\
com.example.Größe -> a.a:
    1:1:void run(com.example.Größe):7:7 -> c
    void left(int) -> f
    void right(com.example.Größe) -> f
com.evil.\x1b[2J -> a.e:
"""
RECURSIVE = "com.example.Deep -> d.d:\n" + "".join(
    f"    1:1:void f{n}():{n}:{n} -> d\n" for n in range(1, 2001)
)


def test_returns_what_the_mapping_knows(tmp_path: Path) -> None:
    run = ObfuscatedFrame("a.a", "c", 1)
    right = ObfuscatedFrame("a.a", "f", 0, "(La/a;)V")
    query = MappingQuery(
        (run, right, ObfuscatedFrame("x.y", "c", 1, "()V")), ("a.a", "x.y")
    )

    assert mapping_query.run_query(
        mappings.written(tmp_path, MAPPING), query
    ) == MappingResult(
        frames={
            run: [JavaFrame("com.example.Größe", "run", None, 7)],
            right: [JavaFrame("com.example.Größe", "right", None, 0)],
        },
        class_names={"a.a": "com.example.Größe"},
        signatures={"(La/a;)V": "(com.example.Größe)", "()V": "()"},
    )


def test_control_characters_in_names_are_replaced(tmp_path: Path) -> None:
    path = mappings.written(tmp_path, MAPPING)
    frame = ObfuscatedFrame("a.e", "x", 0, "(La/e;)V")

    result = mapping_query.run_query(path, MappingQuery((frame,), ("a.e",)))

    assert result.class_names == {"a.e": "com.evil.\ufffd[2J"}
    assert result.signatures == {"(La/e;)V": "(com.evil.\ufffd[2J)"}
    assert result.frames[frame][0].class_name == "com.evil.\ufffd[2J"


def test_the_number_of_inlined_frames_is_limited(tmp_path: Path) -> None:
    path = mappings.written(tmp_path, RECURSIVE)
    frame = ObfuscatedFrame("d.d", "d", 1)

    result = mapping_query.run_query(path, MappingQuery((frame,)))

    assert len(result.frames[frame]) == mapping_query.MAX_INLINED


@given(
    text=mappings.texts(),
    calls=st.lists(
        st.tuples(
            st.sampled_from(mappings.OBFUSCATED),
            st.sampled_from(mappings.METHODS),
            st.integers(0, 12),
        )
    ),
)
def test_a_query_result_retraces_like_the_mapping(
    text: str,
    calls: list[tuple[str, str, int]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = mappings.written(tmp_path_factory.getbasetemp(), text)
    frames = "".join(f"\tat {c}.{m}(SourceFile:{n})\n" for c, m, n in calls)
    trace = f"a.a: no\n{frames}Caused by: a.b: x\n{frames}"

    result = mapping_query.run_query(path, retrace.query_for_text(trace))

    whole = mapping_query.NameMapping.open(path)
    assert retrace.retrace_text(trace, result) == retrace.retrace(trace, whole)


@pytest.mark.parametrize(
    ("descriptor", "readable"),
    [
        # From the JVM specification, 4.3.3, for `Object m(int i, …)`.
        (
            "(IDLjava/lang/Thread;)Ljava/lang/Object;",
            "(int, double, java.lang.Thread): java.lang.Object",
        ),
        ("([[Z[BCSJF)[J", "(boolean[][], byte[], char, short, long, float): long[]"),
        ("(La/b;)V", "(com.example.B)"),
        ("(V)V", None),
        ("(L;)V", None),
        ("(I", None),
        ("(I)", None),
        ("(I)V\n", None),
        ("(" + "I" * 5000 + ")V", None),
    ],
)
def test_parses_complete_signatures_only(descriptor: str, readable: str | None) -> None:
    found = stack_text.readable_signature(descriptor, {"a.b": "com.example.B"}.get)

    assert (None if found is None else str(found)) == readable
