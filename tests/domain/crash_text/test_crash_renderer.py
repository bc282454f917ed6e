"""An answer looks like the text that it stands in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.domain.crash_text import crash_parser, crash_renderer
from symdepot.domain.crash_text.crash_renderer import ResolvedName

INNER = ResolvedName("inner", "/src/a.c", 3, None)
OUTER = ResolvedName("outer", "/src/b.c", 9, 18)
BARE = ResolvedName("outer", "", 0, 18)

APPLE = "1   My Game    0x0000000200000010 0x200000000 + 16"
LLDB = "frame #1: 0x0000000000001147 a.bin`___lldb_unnamed_symbol58 + 14\n"
IMAGES = "[  0] C9A2F1E0-0123-4567-89AB-CDEF01234567 0x0000000000001000 /srv/a.bin"


def answered(text: str, *frames: ResolvedName) -> str:
    """The text with `frames` at each of its spots."""
    spots = crash_parser.find_addresses(text)
    pieces, copied = [], 0
    for spot, around in zip(
        spots, crash_renderer.line_contexts(text, spots), strict=True
    ):
        answer = crash_renderer.render(spot, around, frames)
        pieces += [text[copied : spot.start], around.said if answer is None else answer]
        copied = spot.end
    return "".join([*pieces, text[copied:]])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("#4  0x1147 in ?? ()", "#4  0x1147 in outer () at /src/b.c:9"),
        (
            "#4  0x1147 in ?? () from /lib/libx.so",
            "#4  0x1147 in outer () at /src/b.c:9",
        ),
        (LLDB + IMAGES, LLDB[:29] + "a.bin`outer + 18 at /src/b.c:9\n" + IMAGES),
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
def test_a_function_with_its_line_looks_as_if_the_tool_had_known_it(
    text: str, answer: str
) -> None:
    assert answered(text, OUTER) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("#4  0x1 in ?? () from /lib/x", "#4  0x1 in outer () from /lib/x"),
        (LLDB + IMAGES, LLDB[:29] + "a.bin`outer + 18\n" + IMAGES),
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
def test_a_function_without_a_line_is_told_where_it_is_not_known(
    text: str, answer: str
) -> None:
    assert answered(text, BARE) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
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
def test_a_function_that_was_inlined_gets_a_line_of_its_own_where_it_can(
    text: str, answer: str
) -> None:
    assert answered(text, INNER, OUTER) == answer


def test_names_with_arguments_get_no_more_of_them() -> None:
    method = ResolvedName("A::f(int)", "/src/b.c", 9, 18)

    assert answered("#4  0x1 in ?? ()", method) == "#4  0x1 in A::f(int) at /src/b.c:9"


@given(st.text(), st.text())
def test_no_name_breaks_a_line_nor_goes_on_for_ever(name: str, path: str) -> None:
    shown = ResolvedName.cut(name * 500, path, 1, 0)

    for text in (shown.function, shown.path):
        assert len(text) <= crash_renderer.LENGTH_LIMIT + 1
        assert text.isprintable()


def test_each_spot_knows_its_line() -> None:
    text = "a\n\n./a(+0x1) [0x1]\r\n f+0x1/0x2 g+0x1/0x2\n"
    spots = crash_parser.find_addresses(text)

    told = [
        (around.number, around.before, around.ending, around.is_alone)
        for around in crash_renderer.line_contexts(text, spots)
    ]

    assert told == [
        (3, "", "\r\n", True),
        (4, " ", "\n", False),
        (4, " f+0x1/0x2 ", "\n", False),
    ]
