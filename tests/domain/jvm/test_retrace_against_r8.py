"""Traces are retraced as documented by R8; exceptions are noted beside each case.

Source: R8's doc/retrace.md and the cases of its tests in `retrace/stacktraces`, each
named beside what is expected of it; names and lines are our own.
"""

from pathlib import Path

import pytest
from tests.domain.jvm import mappings

from symdepot.domain.jvm import retrace

OUTSIDE = """\
some.Class -> b:
    1:3:void method2():11:13 -> a
    4:4:void method2():10:10 -> a
"""
INLINED = """\
foo.Bar -> a:
    1:10:void qux():27:27 -> a
    11:15:void qux():42 -> a
    1337:1400:void other.Baz.quux():113:113 -> b
    1337:1400:void quuz():72 -> b
"""
NO_LINES = """\
foo.Main -> foo.a:
    0:0:void method1(java.lang.String):42:42 -> a
    0:0:void main(java.lang.String[]):28 -> a
    void main4(java.lang.String[]):153 -> d
    void overload1():7 -> o
    void overload2(java.lang.String):11 -> o
"""
FILES = """\
foo.MainKt -> a:
# {"id":"sourceFile","fileName":"Haupt.kt"}
    1:1:void go():2:2 -> a
    2:2:void foo.OtherKt.in():7:7 -> a
    2:2:void go():3 -> a
foo.OtherKt -> b:
# {"id":"sourceFile","fileName":"Neben.kt"}
    1:1:void in():7:7 -> a
"""
NESTED = """\
foo.Größe$Überlauf -> ä.ö:
    1:1:void prüfe(int):7:7 -> ü
foo.Fehler -> ä.ß:
"""
CASES = {
    "ObfuscatedRangeToSingleLine": (
        INLINED,
        "at a.a(:8)",
        "at foo.Bar.qux(Bar.java:27)",
    ),
    "ObfuscatedRangeToSingleLine, second": (
        INLINED,
        "at a.a(:13)",
        "at foo.Bar.qux(Bar.java:42)",
    ),
    "InlineFileName": (
        INLINED,
        "at a.b(:1399)",
        "at other.Baz.quux(Baz.java:113)\nat foo.Bar.quuz(Bar.java:72)",
    ),
    "OutsideLineRange": (OUTSIDE, "at b.a(:27)", "at some.Class.a(Class.java:27)"),
    "OutsideLineRange, no line": (
        OUTSIDE,
        "at b.a(Unknown Source)",
        "at some.Class.method2(Class.java)",
    ),
    "SingleLineNoLineNumber": (
        NO_LINES,
        "at foo.a.a(Unknown Source)",
        "at foo.Main.method1(Main.java:42)\nat foo.Main.main(Main.java:28)",
    ),
    # R8 knows the line, 153; symbolic does not tell a line of a method without range.
    "SingleLineNoLineNumber, no range": (
        NO_LINES,
        "at foo.a.d(Unknown Source)",
        "at foo.Main.main4(Main.java)",
    ),
    # R8 prints both, with `<OR>` between; nobody could tell which of them is meant.
    "NoObfuscatedLineNumberWithOverride": (
        NO_LINES,
        "at foo.a.o(Unknown Source)",
        "at foo.Main.o(Main.java)",
    ),
    "SourceFileNameSynthesize": (FILES, "at a.a(a:1)", "at foo.MainKt.go(Haupt.kt:2)"),
    "InlineSourceFileContext": (
        FILES,
        "at a.a(a:2)",
        "at foo.OtherKt.in(Neben.kt:7)\nat foo.MainKt.go(Haupt.kt:3)",
    ),
    "UnicodeInFileName": (
        NESTED,
        "Caused by: ä.ß: prüfe\nat ä.ö.ü(SourceFile:1)",
        "Caused by: foo.Fehler: prüfe\nat foo.Größe$Überlauf.prüfe(Größe.java:7)",
    ),
    "ExceptionMessageWithClassName": (
        NESTED,
        "ä.ß: see ä.ß\nat x.y(Z.java:1)",
        "foo.Fehler: see ä.ß\nat x.y(Z.java:1)",
    ),
    "CircularReference": (
        NESTED,
        "\t[CIRCULAR REFERENCE:ä.ß: x]",
        "\t[CIRCULAR REFERENCE:ä.ß: x]",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_retraces_like_r8(tmp_path: Path, name: str) -> None:
    mapping, trace, expected = CASES[name]

    retraced = retrace.retrace(trace, mappings.opened(tmp_path, mapping))

    assert retraced.text == expected
