"""What the docs show is what happens."""

import json
import re
from pathlib import Path

import pytest
from tests.protocols.eliot import asking
from tests.protocols.eliot.asking import ask
from tests.protocols.eliot.test_refusals import REFUSED

pytestmark = pytest.mark.django_db

DOCS = Path(__file__).parents[3] / "docs" / "protocols" / "eliot.md"


def test_the_example_in_the_docs_is_answered_as_it_says() -> None:
    asking.keep()
    blocks = re.findall(r"```json\n(.*?)```", DOCS.read_text(), re.DOTALL)
    question, answer = (json.loads(block) for block in blocks)

    assert ask(question).json() == answer


def test_the_faults_in_the_docs_are_those_that_are_told() -> None:
    text = " ".join(DOCS.read_text().partition("## Errors")[2].split())
    titles = re.findall(r"`(Payload [^`]*|job 0 [^`]*)`", text)

    assert len(titles) == 3
    assert set(titles) <= {title for _, title in REFUSED}
