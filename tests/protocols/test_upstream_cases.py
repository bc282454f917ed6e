"""Each of upstream's cases has a test that carries its number, or a reason to have none."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]

# Source: spec/sentry-server 7, which counts them.
CASES = range(1, 103)

NOT_NEEDED = {
    **dict.fromkeys(
        range(48, 54),
        "Another client signs its requests with a secret that both sides know. Ours "
        "have tokens; anything else is 401.",
    ),
    **dict.fromkeys(
        range(66, 70),
        "Archives of source maps: symdepot keeps debug files only, and says so.",
    ),
    **dict.fromkeys(
        range(72, 76),
        "Upstream's processing looks for a debug id with certain features. Here files "
        "are looked up by role, in `selection.ranking`; no client names features.",
    ),
    95: (
        "Upstream skips a row that the database would not delete, and goes on. Here "
        "rows go in one transaction, and bytes only after it."
    ),
}


def numbers(tree: ast.AST, marker: str = "upstream") -> Iterator[int]:
    """Return the arguments of each `pytest.mark.<marker>(…)` in `tree`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=attr), args=arguments):
                if attr == marker:
                    for argument in arguments:
                        yield ast.literal_eval(argument)


def test_each_case_is_shown_or_there_is_a_reason_why_not() -> None:
    shown = {
        number
        for path in TESTS.rglob("test_*.py")
        for number in numbers(ast.parse(path.read_text()))
    }

    assert shown == set(CASES) - NOT_NEEDED.keys()
