"""Invalid requests have Eliot's error texts."""

import json

import pytest
import structlog
from django.test import Client
from pytest_django import Settings
from tests.factories import a_breakpad_file, a_client, a_project
from tests.protocols.eliot import payloads
from tests.protocols.eliot.payloads import ID, MODULE, job, send

from symdepot.protocols.eliot import response, views

pytestmark = pytest.mark.django_db

STACKS = [[[0, 1]]]
MODULES_FAULTS: list[tuple[object, str]] = [
    (123, "modules must be a list"),
    ({}, "modules must be a list"),
    (["abc"], "module index 0 does not have a debug_filename and debug_id"),
    ([["abc"]], "module index 0 does not have a debug_filename and debug_id"),
    ([MODULE, ["a", "b", "c"]],
     "module index 1 does not have a debug_filename and debug_id"),
    ([["(", "ABC"]], "module index 0 has an invalid debug_filename"),
    ([["a/b", "ABC"]], "module index 0 has an invalid debug_filename"),
    ([["a\n", "ABC"]], "module index 0 has an invalid debug_filename"),
    ([["é", "ABC"]], "module index 0 has an invalid debug_filename"),
    ([[1, "ABC"]], "module index 0 has an invalid debug_filename"),
    ([["abc.so", "xyz"]], "module index 0 has an invalid debug_id"),
    ([["abc.so", " abc"]], "module index 0 has an invalid debug_id"),
    ([["abc.so", "ABC\n"]], "module index 0 has an invalid debug_id"),
    ([["abc.so", None]], "module index 0 has an invalid debug_id"),
]  # fmt: skip
STACKS_FAULTS: list[tuple[object, str]] = [
    ("abc", "stacks must be a list of lists"),
    ([], "no stacks specified"),
    (["abc"], "stack 0 is not a list"),
    ([[], {}], "stack 1 is not a list"),
    ([[0]], "stack 0 frame 0 is not a list of two items"),
    ([[[0, 1], [0, 1, 2]]], "stack 0 frame 1 is not a list of two items"),
    ([[["abc", 0]]], "stack 0 frame 0 has an invalid module_index"),
    ([[[0.0, 0]]], "stack 0 frame 0 has an invalid module_index"),
    ([[[True, 0]]], "stack 0 frame 0 has an invalid module_index"),
    ([[[-2, 0]]], "stack 0 frame 0 has a module_index that isn't in modules"),
    ([[], [[0, 1], [1, 0]]],
     "stack 1 frame 1 has a module_index that isn't in modules"),
    ([[[0, "abc"]]], "stack 0 frame 0 has an invalid module_offset"),
    ([[[0, 1e3]]], "stack 0 frame 0 has an invalid module_offset"),
    ([[[0, False]]], "stack 0 frame 0 has an invalid module_offset"),
    ([[[0, -2]]], "stack 0 frame 0 has an invalid module_offset"),
]  # fmt: skip
REFUSED: list[tuple[object, str]] = [
    ("", "Payload is not valid JSON"),
    ("{", "Payload is not valid JSON"),
    (b"\xff", "Payload is not valid JSON"),
    ("[" * 100_000, "Payload is not valid JSON"),
    ({"stacks": STACKS}, "job 0 is invalid: no memoryMap specified"),
    ({"memoryMap": [MODULE]}, "job 0 is invalid: no stacks specified"),
    ({}, "job 0 is invalid: no stacks specified"),
    (7, "job 0 is invalid"),
    ({"jobs": [job((0, 1)), 7]}, "job 1 is invalid"),
    ({"jobs": [job((0, 1)), {}]}, "job 1 is invalid: no stacks specified"),
    ({"jobs": {}}, "jobs must be a list"),
    (
        {"jobs": [job()] * 11},
        "please limit number of jobs in a single request to <= 10",
    ),
    (
        {
            "jobs": [
                job(modules=[[f"{n}-{m}", "0"] for m in range(6000)]) for n in range(2)
            ]
        },
        "please limit number of modules in a single request to <= 10000",
    ),
    *(
        ({"memoryMap": said, "stacks": STACKS}, f"job 0 has invalid modules: {why}")
        for said, why in MODULES_FAULTS
    ),
    *(
        ({"memoryMap": [MODULE], "stacks": said}, f"job 0 has invalid stacks: {why}")
        for said, why in STACKS_FAULTS
    ),
]


@pytest.fixture(scope="module")
def nobody() -> Client:
    return Client()


@pytest.mark.parametrize(("payload", "title"), REFUSED)
def test_invalid_requests_have_the_texts_of_eliot(
    payload: object, title: str, nobody: Client
) -> None:
    answer = send(payload, nobody)

    assert (answer.status_code, answer.json()) == (400, {"title": title})
    assert answer["Content-Type"] == "application/json"
    assert answer["Access-Control-Allow-Origin"] == "*"


GOOD = [
    "<unknown>",
    "qipcap.dll",
    "libstdc++.so.6",
    "libgmodule-2.0.so.0.6600.1",
    "{e824f0e4-72f7-4295-8879-d8ff4bf348d2}.xpi",
    "Font Awesome 5 Free-Solid-900.otf",
    "libgallium-24.2.8-1~bpo12+rpt1.so",
    "a@b_C",
    "",
]


def test_all_names_that_eliot_accepts_are_accepted(nobody: Client) -> None:
    answer = send(job(modules=[[name, "abcDEF09"] for name in GOOD]), nobody)

    (told,) = answer.json()["results"]
    assert list(told["found_modules"]) == [f"{name}/abcDEF09" for name in GOOD]


@pytest.mark.parametrize("version", ["v4", "v5"])
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_are_not_allowed(
    method: str, version: str, nobody: Client
) -> None:
    answer = getattr(nobody, method)(f"/symbolicate/{version}")

    assert (answer.status_code, answer.json()) == (
        405,
        {"title": "405 Method Not Allowed"},
    )
    assert answer["Content-Type"] == "application/json"
    assert answer["Allow"] == "POST, OPTIONS"


def test_a_body_that_is_too_large_is_not_read(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    payload = json.dumps(job((0, 1)))
    monkeypatch.setattr(views, "MAX_BODY_BYTES", 2000)

    answers = [send(payload.ljust(2000)), send(payload.ljust(2001))]
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answers.append(send(payload.ljust(1001)))

    assert [answer.status_code for answer in answers] == [200, 413, 413]
    assert [answer.json() for answer in answers[1:]] == [
        {"title": f"The body of this request may have {limit}."}
        for limit in ("2 kB", "1 kB")
    ]


def test_a_response_that_would_be_too_long_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "a" * 10_000
    payloads.keep(a_breakpad_file(ID, records=(f"FUNC 1000 10 0 {name}",)))
    monkeypatch.setattr(response, "MAX_CHARACTERS", 100_000)
    frames = [(0, 0x1000)] * 9

    assert send(job(*frames)).status_code == 200
    answer = send(job(*frames, (0, 0x1000)))

    assert (answer.status_code, answer.json()) == (
        400,
        {
            "title": "The answer would have more than 100000 characters. "
            "Ask for fewer frames at once."
        },
    )


def test_the_rate_limit_has_retry_after(settings: Settings) -> None:
    settings.SYMBOLICATIONS_PER_MINUTE = 2
    client, payload = a_client(), job((0, 1))

    answers = [send(payload, client) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    last = answers[-1]
    assert last.json()["title"].startswith("That is more than 2 requests in a minute.")
    assert 0 < int(last["Retry-After"]) <= 60
    assert "Retry-After" in last["Access-Control-Expose-Headers"].split(", ")


def test_a_server_error_hides_its_reason_and_the_log_hides_the_token(
    monkeypatch: pytest.MonkeyPatch, log: list[structlog.typing.EventDict]
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("Permission denied: '/secret/place'")

    monkeypatch.setattr(views, "_symbolicate", fails)
    token = payloads.url_token(a_project())

    answer = send(job((0, 1)), Client(), f"/s/{token}/symbolicate/v5")

    assert (answer.status_code, answer.json()) == (
        500,
        {"title": "internal server error"},
    )
    assert [entry["path"] for entry in log] == ["/s/…/symbolicate/v5"]
