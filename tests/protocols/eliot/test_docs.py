"""The documented example and errors are true."""

import json
import re
from pathlib import Path

import pytest
from tests.protocols.eliot import payloads
from tests.protocols.eliot.payloads import send
from tests.protocols.eliot.test_invalid_requests import REFUSED

pytestmark = pytest.mark.django_db

DOCS = Path(__file__).parents[3] / "docs" / "protocols" / "eliot.md"


def test_the_documented_request_has_the_documented_response() -> None:
    payloads.keep()
    blocks = re.findall(r"```json\n(.*?)```", DOCS.read_text(), re.DOTALL)
    question, answer = (json.loads(block) for block in blocks)

    assert send(question).json() == answer


def test_the_documented_errors_exist() -> None:
    text = " ".join(DOCS.read_text().partition("## Errors")[2].split())
    titles = re.findall(r"`(Payload [^`]*|job 0 [^`]*)`", text)

    assert len(titles) == 3
    assert set(titles) <= {title for _, title in REFUSED}
