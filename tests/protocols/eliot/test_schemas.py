"""The OpenAPI description is true."""

import json
from typing import Annotated, Any

import pytest
from django.test import Client
from pydantic import Field, TypeAdapter, ValidationError
from tests.protocols.eliot import payloads
from tests.protocols.eliot.payloads import MODULE, job, send
from tests.protocols.eliot.test_invalid_requests import REFUSED
from tests.protocols.eliot.test_v5 import JOB, WHOLE

from symdepot.protocols.eliot.request_parser import MAX_JOBS
from symdepot.protocols.eliot.request_parser import MAX_MODULES as MOST
from symdepot.protocols.eliot.schemas import Job, Results, Symbolicated
from symdepot.protocols.symbolicator.api_description import COMPONENTS
from symdepot.server.urls import eliot_api, sentry_api

pytestmark = pytest.mark.django_db

JOBS = TypeAdapter(Annotated[list[Job], Field(max_length=MAX_JOBS)])


@pytest.fixture
def described() -> Any:
    answer = Client().get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def test_both_endpoints_are_described(described: Any) -> None:
    doors = {v: described["paths"][f"/symbolicate/{v}"] for v in ("v4", "v5")}

    assert [list(door) for door in doors.values()] == [["post"], ["post"]]
    assert doors["v4"]["post"]["deprecated"] is True
    answers = doors["v5"]["post"]["responses"]
    assert list(answers) == ["200", "400", "401", "403", "413", "429", "503"]


def test_every_referenced_schema_exists(described: Any) -> None:
    def referred(part: Any) -> set[str]:
        if isinstance(part, list):
            return {name for one in part for name in referred(one)}
        if not isinstance(part, dict):
            return set()
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(referred(one) for one in part.values()))

    parts = {f"#/components/schemas/{n}" for n in described["components"]["schemas"]}
    assert referred(described) <= parts


def test_schema_names_are_unique_among_protocols() -> None:
    own = set(eliot_api.get_openapi_schema(path_prefix="/")["components"]["schemas"])
    others = set(
        sentry_api.get_openapi_schema(path_prefix="/")["components"]["schemas"]
    )

    assert own & (others | set(COMPONENTS)) == set()


@pytest.mark.parametrize("version", ["v4", "v5"])
def test_the_example_is_a_valid_request(described: Any, version: str) -> None:
    door = described["paths"][f"/symbolicate/{version}"]["post"]
    body = door["requestBody"]["content"]["application/json"]

    assert send(body["example"], Client(), f"/symbolicate/{version}").status_code == 200


def test_responses_match_the_schema() -> None:
    payloads.keep()

    v5, v4 = send(JOB), send(JOB, path="/symbolicate/v4")

    told = Results.model_validate_json(v5.content, strict=True)
    assert told.model_dump(exclude_unset=True) == WHOLE
    old = Symbolicated.model_validate_json(v4.content, strict=True)
    assert old.model_dump() == v4.json()


def test_requests_are_accepted_exactly_if_they_match_the_schema() -> None:
    answered = [JOB, job(), job((-1, -1), modules=[]), job((0, 2**70))]
    refused = [payload for payload, _ in REFUSED if isinstance(payload, dict)]

    assert all(is_described(payload) for payload in answered)
    assert {send(payload, Client()).status_code for payload in answered} == {200}
    beyond_forms = [payload for payload in refused if is_described(payload)]
    too_many = [payload for payload in beyond_forms if modules_of(payload) > MOST]
    assert [payload for payload in beyond_forms if payload not in too_many] == [
        {"memoryMap": [MODULE], "stacks": [[], [[0, 1], [1, 0]]]},
    ]
    assert [len(payload["jobs"]) for payload in too_many] == [2]


def modules_of(payload: dict[str, Any]) -> int:
    jobs: list[dict[str, Any]] = payload.get("jobs", [payload])
    return sum(len(job["memoryMap"]) for job in jobs)


def is_described(payload: dict[str, Any]) -> bool:
    """Say whether a request is of the form that is described."""
    jobs = payload.get("jobs", [payload])
    try:
        JOBS.validate_json(json.dumps(jobs), strict=True)
    except ValidationError:
        return False
    return True
