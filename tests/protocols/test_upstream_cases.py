"""Each of upstream's cases that we promise has a test that carries its number."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]

# Source: spec/sentry-server 7. Left out are 12-16 (mappings under a second id),
# 48-53 (another client's signatures) and what is about the model of a file system.
PROMISED = {*range(1, 12), *range(17, 48), *range(54, 66), *range(78, 85)}


def numbers(tree: ast.AST) -> Iterator[int]:
    """Return the arguments of each `pytest.mark.upstream(…)` in `tree`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="upstream"), args=arguments):
                for argument in arguments:
                    yield ast.literal_eval(argument)


def test_each_promised_case_is_shown_and_no_other() -> None:
    shown = {
        number
        for path in TESTS.rglob("test_*.py")
        for number in numbers(ast.parse(path.read_text()))
    }

    assert shown == PROMISED
