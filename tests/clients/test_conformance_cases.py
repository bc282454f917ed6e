"""Each case of the conformance list has a test marked with its number."""

import ast
from pathlib import Path

from tests.protocols.test_upstream_cases import numbers

HERE = Path(__file__).parent

# Source: spec/sentry-cli D1, which counts them. Of case 16 the renamed project is left
# out: projects have no other names here.
CASES = range(1, 31)


def test_each_conformance_case_has_a_test() -> None:
    shown = {
        number
        for path in HERE.glob("test_*.py")
        for number in numbers(ast.parse(path.read_text()), "conformance")
    }

    assert shown == set(CASES)
