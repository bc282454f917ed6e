"""Obfuscated names are replaced by the original ones; nothing else changes."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.jvm import retrace, stack_text
from symdepot.domain.jvm.mapping_query import NameMapping
from symdepot.domain.jvm.stack_text import JavaFrame

MAPPING = """\
# compiler: R8
# {"id":"com.android.tools.r8.mapping","version":"2.2"}
com.example.Game -> a.a:
# {"id":"sourceFile","fileName":"Game.kt"}
    int score -> b
    1:4:void run():16:19 -> c
    5:5:void com.example.Inner.leaf():100:100 -> c
    5:5:void run():20 -> c
    void plain(int) -> d
    void plain(java.lang.String) -> d
    void left(int) -> f
    void right(java.lang.String) -> f
com.example.GameOver -> a.b:
    1:1:void <init>(java.lang.String):3:3 -> <init>
com.example.Kept$Inner -> com.example.Kept$Inner:
    1:2:void stay():7:8 -> e
com.example.Lonely -> g:
"""


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> NameMapping:
    path = tmp_path_factory.mktemp("mappings") / "mapping.txt"
    path.write_text(MAPPING)
    return NameMapping.open(path)


def test_a_stack_trace_is_retraced_line_by_line(mapping: NameMapping) -> None:
    trace = """\
Something happened; see a.a for more: or not
Exception in thread "main" a.b: it is over
\tat a.a.c(SourceFile:5)
\tat a.a.c(Unknown Source:2)
\tat java.base/java.lang.Thread.run(Thread.java:829)
\t... 3 more
Caused by: a.b
\tat app//a.b.<init>(SourceFile:1) ~[app.jar:1.0]
    Suppressed: a.b: b: c
\tat com.example.Kept$Inner.e(Kept.kt:2)
g: by itself
    at a.a.d(Native Method)
g: no exception
"""

    retraced = retrace.retrace(trace, mapping)

    assert retraced.frames_found == 5
    assert (
        retraced.text
        == """\
Something happened; see a.a for more: or not
Exception in thread "main" com.example.GameOver: it is over
\tat com.example.Inner.leaf(Inner.java:100)
\tat com.example.Game.run(Game.kt:20)
\tat com.example.Game.run(Game.kt:17)
\tat java.base/java.lang.Thread.run(Thread.java:829)
\t... 3 more
Caused by: com.example.GameOver
\tat app//com.example.GameOver.<init>(GameOver.java:3) ~[app.jar:1.0]
    Suppressed: com.example.GameOver: b: c
\tat com.example.Kept$Inner.stay(Kept.kt:8)
com.example.Lonely: by itself
    at com.example.Game.plain(Game.kt)
g: no exception
"""
    )


def test_retraces_android_logs(mapping: NameMapping) -> None:
    trace = (
        "06-01 10:00:00.000  1  2 E AndroidRuntime: FATAL EXCEPTION: main\r\n"
        "E/AndroidRuntime( 1234): a.b: it is over\r\n"
        "E/AndroidRuntime( 1234): \tat a.a.c(SourceFile:1)\r\n"
        "06-01 10:00:00.000  1  2 E AndroidRuntime: Caused by: a.b\r\n"
    )

    assert retrace.retrace(trace, mapping).text == (
        "06-01 10:00:00.000  1  2 E AndroidRuntime: FATAL EXCEPTION: main\r\n"
        "E/AndroidRuntime( 1234): com.example.GameOver: it is over\r\n"
        "E/AndroidRuntime( 1234): \tat com.example.Game.run(Game.kt:16)\r\n"
        "06-01 10:00:00.000  1  2 E AndroidRuntime: Caused by: com.example.GameOver\r\n"
    )


@pytest.mark.parametrize(
    ("frame", "original"),
    [
        (("a.a", "c", 5), [("com.example.Inner", "leaf"), ("com.example.Game", "run")]),
        (("a.a", "c", 99), [("com.example.Game", "c")]),
        (("a.a", "zz", 1), [("com.example.Game", "zz")]),
        (("a.a", "d", 1), [("com.example.Game", "plain")]),
        (("a.a", "f", 1), [("com.example.Game", "f")]),
        (("x.y", "c", 1), []),
        (("a.a", "c", 2**70), [("com.example.Game", "c")]),
        (("\ud800", "c", 1), []),
        (("a.a", "\ud800", 1), [("com.example.Game", "\ud800")]),
        (("", "", 0), []),
    ],
)
def test_inlined_frames_come_first(
    mapping: NameMapping, frame: tuple[str, str, int], original: list[tuple[str, str]]
) -> None:
    class_name, method, line = frame

    found = mapping.frames(JavaFrame(class_name, method, None, line))

    assert [(f.class_name, f.method) for f in found] == original


def test_parameters_distinguish_methods_of_the_same_name(mapping: NameMapping) -> None:
    frame = JavaFrame("a.a", "f", None, 0)

    assert [f.method for f in mapping.frames(frame, "int")] == ["left"]
    assert [f.method for f in mapping.frames(frame, "java.lang.String")] == ["right"]


def test_returns_the_original_class_name(mapping: NameMapping) -> None:
    names = [mapping.class_name(name) for name in ("a.b", "g", "a.z", "", "\ud800")]

    assert names == ["com.example.GameOver", "com.example.Lonely", None, None, None]


def test_a_missing_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotADebugFile, match="This mapping cannot be read"):
        NameMapping.open(tmp_path / "nothing")


@given(trace=st.text(alphabet="\tat (.):/ab\r\nCausedby:\u2028", max_size=200))
def test_unknown_text_is_unchanged(
    trace: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "foreign.txt"
    path.write_text("com.example.Foreign -> x.y.z:\n")

    assert retrace.retrace(trace, NameMapping.open(path)).text == trace


@pytest.mark.parametrize(
    "line",
    [
        "at " * 100_000,
        "a." * 1_000_000,
        "at a" + ".a" * 2_000,
        "at " + "a/" * 2_000,
        "Caused by: " * 370,
        'Exception in thread "' * 190,
        "a-" * 2_000 + "!",
    ],
)
def test_parsing_a_line_takes_little_time(line: str) -> None:
    began = time.process_time()

    stack_text.parse_frame_line(line)
    stack_text.parse_exception_line(line, line)

    assert time.process_time() - began < 0.5
