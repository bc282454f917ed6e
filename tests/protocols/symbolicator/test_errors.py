"""Errors have a status, a detail and causes."""

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings
from tests import environment
from tests.factories import a_client, a_project, upload
from tests.protocols.symbolicator.payloads import (
    BREAKPAD_ID,
    DEBUG_ID,
    INLINED,
    a_module,
    a_request,
    at,
    post,
)

from symdepot.projects import tokens
from symdepot.projects.tokens import Scope
from symdepot.protocols.symbolicator import native_request
from symdepot.protocols.symbolicator.response_schemas import ANSWER, REFUSAL

pytestmark = pytest.mark.django_db


def test_invalid_json_is_400() -> None:
    answer = a_client().post("/symbolicate", "{", content_type="application/json")

    assert answer.status_code == 400
    told = REFUSAL.validate_json(answer.content)
    assert told["detail"] == "The body is not valid JSON."
    assert "Invalid JSON" in told["causes"][0]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], ""),
        ({"stacktraces": {}}, "stacktraces"),
        ({"modules": [{"image_addr": "x"}]}, "modules.0.image_addr"),
        (a_request({"instruction_addr": -1}), "stacktraces.0.frames.0."),
        (a_request({"instruction_addr": 2**64}), "stacktraces.0.frames.0."),
        (a_request({"instruction_addr": "0x" + "f" * 17}), "stacktraces.0.frames.0."),
        (a_request(at(1, addr_mode="rel:x")), "stacktraces.0.frames.0.addr_mode"),
        (a_request(options={"frame_order": "up"}), "options.frame_order"),
    ],
)
def test_json_that_violates_the_schema_is_422_with_causes(
    body: Any, place: str
) -> None:
    answer = post(a_client(), json.dumps(body))

    assert answer.status_code == 422
    assert REFUSAL.validate_json(answer.content)["causes"][0].startswith(place)


def test_a_body_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_request, "MAX_BODY_BYTES", 1000)

    answer = post(a_client(), {"platform": "x" * 1000})

    assert answer.status_code == 413
    assert answer.json() == {
        "detail": "The body of this request may have 1 kB.",
        "causes": [],
    }


def test_unknown_tokens_are_401_and_tokens_without_read_scope_403() -> None:
    stranger = Client(headers={"Authorization": "Bearer symd_nobody"})
    uploader = a_client(scopes=[Scope.RELEASES])

    answers = [post(client, a_request()) for client in (stranger, uploader)]

    assert [answer.status_code for answer in answers] == [401, 403]
    assert "WWW-Authenticate" in answers[0]


def test_the_rate_limit_has_retry_after(
    settings: Settings,
) -> None:
    settings.SYMBOLICATIONS_PER_MINUTE = 2
    client = a_client()

    answers = [post(client, a_request()) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2]["Retry-After"]) <= 30
    assert post(a_client(), a_request()).status_code == 200


def test_other_methods_are_405() -> None:
    assert a_client().get("/symbolicate").status_code == 405


ADDRESSES = st.integers(-1, 2**65) | st.sampled_from(
    ["0x40001012", "0x40001018", "0x0", "0xffffffffffffffff", "", "0x", "7", None]
)
IDS = st.sampled_from([DEBUG_ID, BREAKPAD_ID, "", "0" * 32, "\0", "abcd" * 10, None])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner)
    ),
    max_leaves=8,
)
FRAMES = st.fixed_dictionaries(
    {},
    optional={
        "instruction_addr": ADDRESSES,
        "addr_mode": st.sampled_from(["abs", "rel:0", "rel:999999999", "rel:-1"]),
        "adjust_instruction_addr": st.booleans() | st.none(),
        "trust": st.sampled_from(["scan", "none", "cfi"]),
        "vars": st.dictionaries(st.text(max_size=3), ANYTHING, max_size=2),
        "lineno": st.integers(-1, 2**33),
        "pre_context": st.lists(st.text(max_size=3), max_size=2),
    },
)
MODULES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["elf", "pe", "macho", "wasm", "what", None]),
        "debug_id": IDS,
        "code_id": IDS,
        "image_addr": ADDRESSES,
        "image_size": st.integers(-1, 2**64),
        "code_file": st.sampled_from(["", "a\\b", "/\0", "x" * 5000]),
    },
)
BODIES = ANYTHING | st.fixed_dictionaries(
    {
        "stacktraces": st.lists(
            st.fixed_dictionaries(
                {"frames": st.lists(FRAMES, max_size=3)},
                optional={"registers": st.dictionaries(st.text(max_size=3), ADDRESSES)},
            ),
            max_size=2,
        ),
        "modules": st.lists(MODULES | st.just(a_module()), max_size=3),
    },
    optional={"options": ANYTHING, "signal": st.integers(-1, 2**33)},
)


@pytest.fixture
def hello(settings: Settings) -> Client:
    """Return who may read, and as much as he likes, of a project that has a program."""
    settings.SYMCACHES, settings.SYMBOLICATIONS_PER_MINUTE = True, 0
    project = a_project()
    upload(a_client(), INLINED.encode())
    token = tokens.create_url_token(project, by="a test")
    return Client(headers={"Authorization": f"Bearer {token}"})


@given(body=BODIES)
@hypothesis_settings(
    max_examples=150 if environment.IS_THOROUGH else 30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_json_causes_no_server_error(hello: Client, body: object) -> None:
    answer = post(hello, json.dumps(body))

    assert answer.status_code in {200, 400, 422}, answer.content
    (ANSWER if answer.status_code == 200 else REFUSAL).validate_json(answer.content)


def test_a_module_without_fields_is_missing() -> None:
    body = a_request(at(1), modules=[a_module(debug_id=None, type=None)])

    assert post(a_client(), body).json()["modules"][0]["debug_status"] == "missing"
