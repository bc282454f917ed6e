"""Texts are symbolicated; no text causes an internal error."""

import json
from collections.abc import Iterator

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from tests.factories import (
    Answer,
    a_breakpad_file,
    a_client,
    a_project,
    an_organization,
    upload,
)

from symdepot.projects import rate_limit
from symdepot.projects.tokens import Scope
from symdepot.protocols.sentry import text_symbolication

pytestmark = pytest.mark.django_db

URL = "/api/0/projects/acme/game/symbolicate-text"


@pytest.fixture(autouse=True)
def project(settings: Settings) -> None:
    settings.SYMCACHES = True
    a_project()


def posted(body: object, client: Client | None = None, url: str = URL) -> Answer:
    content = body if isinstance(body, str) else json.dumps(body)
    asker = client or a_client(scopes=[Scope.READ])
    return asker.post(url, content, content_type="application/json")


def a_game() -> None:
    records = ["FILE 0 /src/a.c", "FUNC 1000 40 0 main", "1000 40 5 0"]
    upload(a_client(), a_breakpad_file(records=records), name="game.sym")


@pytest.mark.parametrize("url", [URL, f"{URL}/"])
def test_a_text_is_returned_with_resolved_and_unresolved_frames(url: str) -> None:
    a_game()
    text = "oh no:\r\n./game(+0x1005) [0x55]\n./lib.so(+0x1) [0x66]\nthe end"

    answer = posted({"text": text}, url=url)

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "text": (
                "oh no:\r\n./game(main+0x5) at /src/a.c:5 [0x55]\n"
                "./lib.so(+0x1) [0x66]\nthe end"
            ),
            "resolved": 1,
            "unresolved": [
                {
                    "line": 3,
                    "text": "./lib.so(+0x1)",
                    "module": "./lib.so",
                    "reason": (
                        "The text tells no id of it, "
                        "and no debug file of this name is here."
                    ),
                }
            ],
            "notes": [],
        },
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "Invalid json body"),
        ("[]", "Input should be"),
        ("{}", "text: Field required"),
        ({"text": 7}, "text: Input should be a valid string"),
        ({"text": None}, "text: Input should be a valid string"),
        ('{"text": "\\ud800"}', "Invalid json body"),
        (
            {"text": "x" * (text_symbolication.MAX_CHARACTERS + 1)},
            "text: String should have at most 1000000 characters",
        ),
    ],
)
def test_an_invalid_text_is_refused_with_a_reason(body: object, error: str) -> None:
    answer = posted(body)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error)


def test_a_token_without_read_access_is_refused() -> None:
    an_organization("other")

    assert posted({"text": ""}, a_client(scopes=[Scope.CI])).status_code == 403
    assert posted({"text": ""}, Client()).status_code == 401
    assert posted({"text": ""}, a_client("other")).status_code == 403
    assert posted({"text": ""}, url=URL.replace("game", "no")).status_code == 404


def test_the_content_type_of_a_text_is_ignored() -> None:
    content, kind = json.dumps({"text": "a\n"}), "application/x-www-form-urlencoded"

    answer = a_client().post(URL, content, content_type=kind)

    assert (answer.status_code, answer.json()["text"]) == (200, "a\n")


@pytest.fixture
def one_a_minute(settings: Settings) -> Iterator[None]:
    settings.SYMBOLICATIONS_PER_MINUTE = 1
    rate_limit.rate_limiter.cache_clear()
    yield
    rate_limit.rate_limiter.cache_clear()


@pytest.mark.usefixtures("one_a_minute")
def test_too_many_requests_get_429_with_retry_after() -> None:
    client = a_client()

    answers = [posted({"text": "x"}, client) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert 0 < int(answers[1]["Retry-After"]) <= 60


@pytest.mark.slow
def test_no_text_causes_an_internal_error(settings: Settings) -> None:
    settings.SYMBOLICATIONS_PER_MINUTE = 0
    a_game()
    client = a_client()
    pieces = st.sampled_from(
        [
            "./game(+0x1005) [0x55] ",
            "\0(+0x1) [0x1]",
            "#00 pc 00001005 \0 (BuildId: 0)\n",
            "#00 pc 00001005 /a (BuildId: 012)\n",
            "[  0] 0-0-0000000000000 0x1 /a\n0x1 - 0x2 a <" + "0" * 32 + "> /a\n",
            "frame #0: 0x1 a`___lldb_unnamed_symbol1\n",
            "0   game  0x104a19004 0x104a18000 + 4100\n",
            "f+0xffffffffffffffff/0x1 ",
            "#0 0xffffffffffffffff in ?? ()\n",
        ]
    )

    @given(st.lists(pieces | st.text(), max_size=12))
    def check(found: list[str]) -> None:
        answer = posted({"text": "".join(found)}, client)

        assert answer.status_code == 200

    check()
