"""No request causes a server error."""

import json

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from tests.protocols.eliot.payloads import ID, send

pytestmark = pytest.mark.django_db

TEXT = st.text(max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)
NAMES = st.from_regex(r"[A-Za-z0-9_.+{}@<> ~-]*", fullmatch=True)
IDS = st.from_regex(r"[A-Fa-f0-9]{0,45}", fullmatch=True) | st.just(ID)
MODULES = st.lists(st.tuples(NAMES, IDS), min_size=1, max_size=4)
OFFSETS = st.integers(-1, 2**70)


def jobs_of(modules: list[tuple[str, str]]) -> st.SearchStrategy[object]:
    frames = st.tuples(st.integers(-1, len(modules) - 1), OFFSETS)
    stacks = st.lists(st.lists(frames, max_size=5), min_size=1, max_size=3)
    return st.fixed_dictionaries({"memoryMap": st.just(modules), "stacks": stacks})


RIGHT = MODULES.flatmap(jobs_of)
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "memoryMap": MODULES | st.lists(st.tuples(NAMES, JSON)) | JSON,
        "stacks": st.lists(st.lists(st.tuples(st.integers(-2, 2), JSON))) | JSON,
        "jobs": st.lists(RIGHT | JSON, max_size=12) | JSON,
    },
)


def answered(body: str | bytes, version: str = "v5") -> int:
    answer = send(body, Client(), f"/symbolicate/{version}")
    if answer.status_code == 400:
        assert list(answer.json()) == ["title"]
    return int(answer.status_code)


@given(JSON | NEARLY, st.sampled_from(["v4", "v5"]))
def test_any_json_causes_no_server_error(payload: object, version: str) -> None:
    assert answered(json.dumps(payload), version) in {200, 400}


@given(st.lists(RIGHT, max_size=3))
def test_every_valid_request_has_a_result_per_frame(
    jobs: list[dict[str, list[list[object]]]],
) -> None:
    answer = send({"jobs": jobs}, Client())

    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [[len(stack) for stack in r["stacks"]] for r in results] == [
        [len(stack) for stack in one["stacks"]] for one in jobs
    ]
    for one, told in zip(jobs, results, strict=True):
        assert list(told["found_modules"]) == list(
            dict.fromkeys(f"{name}/{id_}" for name, id_ in one["memoryMap"])
        )


@given(st.binary(max_size=100))
def test_any_bytes_cause_no_server_error(body: bytes) -> None:
    assert answered(body) == 400


@given(header=st.text(st.characters(max_codepoint=255), max_size=60))
def test_any_authorization_causes_no_server_error(header: str) -> None:
    for value in (header, f"Bearer {header}", f"Basic {header}"):
        client = Client(headers={"Authorization": value})

        assert send({}, client).status_code in {400, 401}
