"""A frame shows five lines before and after its own, and no line at full length."""

import pytest

from symdepot.domain.stacks import source_context
from symdepot.domain.stacks.source_context import SourceContext

TWENTY = [f"line {number}" for number in range(1, 21)]


def test_five_lines_stand_on_each_side() -> None:
    assert source_context.context(TWENTY, 10) == SourceContext(
        before=TWENTY[4:9], line="line 10", after=TWENTY[10:15]
    )


@pytest.mark.parametrize(
    ("number", "before", "after"), [(1, 0, 5), (2, 1, 5), (20, 5, 0)]
)
def test_there_are_fewer_at_the_ends_of_a_file(
    number: int, before: int, after: int
) -> None:
    found = source_context.context(TWENTY, number)

    assert found is not None
    assert (len(found.before), found.line, len(found.after)) == (
        before,
        f"line {number}",
        after,
    )


@pytest.mark.parametrize("number", [-1, 0, 21, 2**63])
def test_a_line_that_is_not_there_has_no_context(number: int) -> None:
    assert source_context.context(TWENTY, number) is None


def test_long_lines_are_cut() -> None:
    found = source_context.context(["x" * 150, "y" * 151, "z" * 9999], 2)

    assert found == SourceContext(
        before=["x" * 150], line="y" * 140 + " {snip}", after=["z" * 140 + " {snip}"]
    )


def test_only_line_feeds_end_lines() -> None:
    text = "a\r\nb\x0b\x0c\x85\u2028c\rd\n\ne"

    assert source_context.lines(text) == ["a", "b\x0b\x0c\x85\u2028c\rd", "", "e"]
    assert source_context.lines("a\n") == ["a"]
    assert source_context.lines("") == []
