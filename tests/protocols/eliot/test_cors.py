"""Pages of any origin may ask, as the Firefox Profiler does.

Source: fetch.spec.whatwg.org, "CORS protocol"; spec/serving 5.1.
"""

import pytest
from django.test import Client
from pytest_django import Settings
from tests.protocols.eliot.payloads import job, send

pytestmark = pytest.mark.django_db

PREFLIGHT = {
    "Origin": "https://profiler.example",
    "Access-Control-Request-Method": "POST",
}


@pytest.mark.parametrize("path", ["/symbolicate/v4", "/symbolicate/v5"])
def test_preflight_requests_are_answered(path: str) -> None:
    asked = {"Access-Control-Request-Headers": "authorization,user-agent"}

    answer = Client().options(path, headers=PREFLIGHT | asked)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    assert answer["Access-Control-Allow-Headers"] == "authorization,user-agent"
    assert int(answer["Access-Control-Max-Age"]) > 0
    assert answer["Vary"] == "Access-Control-Request-Headers"


def test_preflight_requests_need_no_token_and_no_rate(
    settings: Settings,
) -> None:
    settings.SYMBOLICATIONS_PER_MINUTE = 1
    client = Client()

    answers = [client.options("/symbolicate/v5", headers=PREFLIGHT) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {200}
    assert "Access-Control-Allow-Headers" not in answers[0]
    assert send(job((0, 1)), client).status_code == 200


def test_responses_have_cors_headers() -> None:
    answer = send(job((0, 1)), Client(headers={"Origin": "https://profiler.example"}))

    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == "*"
