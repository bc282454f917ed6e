"""Resolved frames are rendered in the format of the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.domain.crash_text import address_spans, crash_renderer
from symdepot.domain.crash_text.crash_renderer import ResolvedName

INNER = ResolvedName("inner", "/src/a.c", 3, None)
OUTER = ResolvedName("outer", "/src/b.c", 9, 18)
BARE = ResolvedName("outer", "", 0, 18)

APPLE = "1   My Game    0x0000000200000010 0x200000000 + 16"
LLDB = "frame #1: 0x0000000000001147 a.bin`___lldb_unnamed_symbol58 + 14\n"
MODULES = "[  0] C9A2F1E0-0123-4567-89AB-CDEF01234567 0x0000000000001000 /srv/a.bin"


def rendered(text: str, *frames: ResolvedName) -> str:
    """Return the text with `frames` in place of each of its spans."""
    spans = address_spans.find_addresses(text)
    pieces, copied = [], 0
    for span, context in zip(
        spans, crash_renderer.line_contexts(text, spans), strict=True
    ):
        replacement = crash_renderer.render(span, context, frames)
        pieces += [
            text[copied : span.start],
            context.original if replacement is None else replacement,
        ]
        copied = span.end
    return "".join([*pieces, text[copied:]])


@pytest.mark.parametrize(
    ("text", "replacement"),
    [
        ("#4  0x1147 in ?? ()", "#4  0x1147 in outer () at /src/b.c:9"),
        (
            "#4  0x1147 in ?? () from /lib/libx.so",
            "#4  0x1147 in outer () at /src/b.c:9",
        ),
        (LLDB + MODULES, LLDB[:29] + "a.bin`outer + 18 at /src/b.c:9\n" + MODULES),
        ("    #0 0x1  (/srv/a+0x2)", "    #0 0x1  in outer /src/b.c:9"),
        (
            "    #0 0x1  (/srv/a+0x2) (BuildId: ab12)",
            "    #0 0x1  in outer /src/b.c:9",
        ),
        ("    #3 0x1 in puts (/l/c+0x2)", "    #3 0x1 in puts /src/b.c:9"),
        (
            "    #0 <null> <null> (a+0x1) (BuildId: ab12)",
            "    #0 outer /src/b.c:9 (a+0x1) (BuildId: ab12)",
        ),
        ("    #0 main <null> (a+0x1)", "    #0 main /src/b.c:9 (a+0x1)"),
        (
            "SUMMARY: AddressSanitizer: x (/srv/a+0x2) ",
            "SUMMARY: AddressSanitizer: x /src/b.c:9 in outer ",
        ),
        ("./a(+0x1189) [0x55]", "./a(outer+0x12) at /src/b.c:9 [0x55]"),
        (
            "  #01 pc 00012345  /lib/a.so (abort+164) (BuildId: ab12)",
            "  #01 pc 00012345  /lib/a.so (outer+18) /src/b.c:9 (BuildId: ab12)",
        ),
        (
            "  #01 pc 00012345  /x.apk!a.so (offset 0x2000) (f(int)+1)",
            "  #01 pc 00012345  /x.apk!a.so (offset 0x2000) (outer+18) /src/b.c:9",
        ),
        ("  f+0x1/0x2 [mod]", "  f+0x1/0x2 [mod] (/src/b.c:9)"),
        (APPLE, APPLE.replace("0x200000000 + 16", "outer + 18 (b.c:9)")),
    ],
)
def test_renders_function_and_line(text: str, replacement: str) -> None:
    assert rendered(text, OUTER) == replacement


@pytest.mark.parametrize(
    ("text", "replacement"),
    [
        ("#4  0x1 in ?? () from /lib/x", "#4  0x1 in outer () from /lib/x"),
        (LLDB + MODULES, LLDB[:29] + "a.bin`outer + 18\n" + MODULES),
        ("    #0 0x1  (/srv/a+0x2)", "    #0 0x1  in outer (/srv/a+0x2)"),
        ("    #3 0x1 in puts (/l/c+0x2)", "    #3 0x1 in puts (/l/c+0x2)"),
        ("    #0 <null> <null> (a+0x1)", "    #0 outer (a+0x1)"),
        ("    #0 main <null> (a+0x1)", "    #0 main <null> (a+0x1)"),
        (
            "SUMMARY: AddressSanitizer: x (/srv/a+0x2)",
            "SUMMARY: AddressSanitizer: x (/srv/a+0x2) in outer",
        ),
        ("./a(+0x1189) [0x55]", "./a(outer+0x12) [0x55]"),
        ("  #01 pc 00012345  /lib/a.so", "  #01 pc 00012345  /lib/a.so (outer+18)"),
        ("  f+0x1/0x2 [mod]", "  f+0x1/0x2 [mod]"),
        (APPLE, APPLE.replace("0x200000000 + 16", "outer + 18")),
    ],
)
def test_renders_a_function_without_line(text: str, replacement: str) -> None:
    assert rendered(text, BARE) == replacement


@pytest.mark.parametrize(
    ("text", "replacement"),
    [
        (
            "x\r\n#4  0x1 in ?? ()\r\ny",
            (
                "x\r\n#4  0x1 in inner () at /src/a.c:3 [inlined]\r\n"
                "#4  0x1 in outer () at /src/b.c:9\r\ny"
            ),
        ),
        (
            "E  #01 pc 00012345  /lib/a.so (BuildId: ab12)",
            (
                "E  #01 pc 00012345  /lib/a.so (inner) /src/a.c:3 [inlined]\n"
                "E  #01 pc 00012345  /lib/a.so (outer+18) /src/b.c:9 (BuildId: ab12)"
            ),
        ),
        ("  f+0x1/0x2", "  f+0x1/0x2 (/src/a.c:3 /src/b.c:9)"),
        ("    #3 0x1 in f (/l/c+0x2)", "    #3 0x1 in f /src/a.c:3 /src/b.c:9"),
        (
            "SUMMARY: AddressSanitizer: x (/srv/a+0x2)",
            "SUMMARY: AddressSanitizer: x /src/a.c:3 in inner",
        ),
        (
            "a(+0x1)[0x1] b(+0x2)[0x2]",
            (
                "a(inner) at /src/a.c:3 [inlined], in a(outer+0x12) at /src/b.c:9[0x1] "
                "b(inner) at /src/a.c:3 [inlined], in b(outer+0x12) at /src/b.c:9[0x2]"
            ),
        ),
    ],
)
def test_renders_inlined_functions(text: str, replacement: str) -> None:
    assert rendered(text, INNER, OUTER) == replacement


def test_no_parentheses_are_added_to_names_with_arguments() -> None:
    method = ResolvedName("A::f(int)", "/src/b.c", 9, 18)

    assert rendered("#4  0x1 in ?? ()", method) == "#4  0x1 in A::f(int) at /src/b.c:9"


@given(st.text(), st.text())
def test_names_are_printable_and_limited_in_length(name: str, path: str) -> None:
    shown = ResolvedName.printable(name * 500, path, 1, 0)

    for text in (shown.function, shown.path):
        assert len(text) <= crash_renderer.MAX_NAME_LENGTH + 1
        assert text.isprintable()


def test_line_contexts() -> None:
    text = "a\n\n./a(+0x1) [0x1]\r\n f+0x1/0x2 g+0x1/0x2\n"
    spans = address_spans.find_addresses(text)

    contexts = [
        (context.number, context.before, context.ending, context.is_alone)
        for context in crash_renderer.line_contexts(text, spans)
    ]

    assert contexts == [
        (3, "", "\r\n", True),
        (4, " ", "\n", False),
        (4, " f+0x1/0x2 ", "\n", False),
    ]
