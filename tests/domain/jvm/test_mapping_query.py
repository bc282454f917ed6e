"""A mapping is asked many things at once, and texts are retraced with the answers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain import mappings

from symdepot.domain.jvm import mapping_query, retrace, stack_text
from symdepot.domain.jvm.mapping_query import (
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


def test_each_question_is_answered_if_the_mapping_knows(tmp_path: Path) -> None:
    run = ObfuscatedFrame("a.a", "c", 1)
    right = ObfuscatedFrame("a.a", "f", 0, "(La/a;)V")
    asked = MappingQuery(
        (run, right, ObfuscatedFrame("x.y", "c", 1, "()V")), ("a.a", "x.y")
    )

    assert mapping_query.run_query(
        mappings.kept(tmp_path, MAPPING), asked
    ) == MappingResult(
        frames={
            run: [JavaFrame("com.example.Größe", "run", None, 7)],
            right: [JavaFrame("com.example.Größe", "right", None, 0)],
        },
        class_names={"a.a": "com.example.Größe"},
        signatures={"(La/a;)V": "(com.example.Größe)", "()V": "()"},
    )


def test_names_move_no_cursor(tmp_path: Path) -> None:
    path = mappings.kept(tmp_path, MAPPING)
    frame = ObfuscatedFrame("a.e", "x", 0, "(La/e;)V")

    answers = mapping_query.run_query(path, MappingQuery((frame,), ("a.e",)))

    assert answers.class_names == {"a.e": "com.evil.\ufffd[2J"}
    assert answers.signatures == {"(La/e;)V": "(com.evil.\ufffd[2J)"}
    assert answers.frames[frame][0].class_name == "com.evil.\ufffd[2J"


def test_no_frame_becomes_endless(tmp_path: Path) -> None:
    path = mappings.kept(tmp_path, RECURSIVE)
    frame = ObfuscatedFrame("d.d", "d", 1)

    answers = mapping_query.run_query(path, MappingQuery((frame,)))

    assert len(answers.frames[frame]) == mapping_query.MOST_INLINED


@given(
    text=mappings.texts(),
    calls=st.lists(
        st.tuples(
            st.sampled_from(mappings.SHORT),
            st.sampled_from(mappings.METHODS),
            st.integers(0, 12),
        )
    ),
)
def test_a_text_is_retraced_with_the_answers_as_with_the_mapping(
    text: str,
    calls: list[tuple[str, str, int]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = mappings.kept(tmp_path_factory.getbasetemp(), text)
    frames = "".join(f"\tat {c}.{m}(SourceFile:{n})\n" for c, m, n in calls)
    trace = f"a.a: no\n{frames}Caused by: a.b: x\n{frames}"

    answers = mapping_query.run_query(path, mapping_query.query_for_text(trace))

    mapping = retrace.NameMapping.open(path)
    assert mapping_query.retrace_text(trace, answers) == retrace.retrace(trace, mapping)


@pytest.mark.parametrize(
    ("descriptor", "spoken"),
    [
        # Of the JVM specification, 4.3.3, where it stands for `Object m(int i, …)`.
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
def test_a_signature_is_read_whole_or_not_at_all(
    descriptor: str, spoken: str | None
) -> None:
    found = stack_text.readable_signature(descriptor, {"a.b": "com.example.B"}.get)

    assert (None if found is None else str(found)) == spoken
