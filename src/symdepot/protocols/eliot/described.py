"""How the doors of Eliot are described to programs that read OpenAPI."""

from http import HTTPStatus
from typing import Any

from ninja import Schema

from symdepot.protocols.eliot.jobs import MOST_JOBS
from symdepot.protocols.eliot.schemas import Job, Problem, Results, Symbolicated

_EXAMPLE = {
    "memoryMap": [["xul.pdb", "44E4EC8C2F41492B9369D6B9A059577C2"]],
    "stacks": [[[0, 11723767], [-1, 65802]]],
}
_REFUSALS: dict[int, type[Schema]] = dict.fromkeys(
    (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
    Problem,
)


_JOB = Job.model_json_schema()
_JOBS = {
    "type": "object",
    "title": "Jobs",
    "description": "Several jobs at once.",
    "properties": {"jobs": {"type": "array", "items": _JOB, "maxItems": MOST_JOBS}},
    "required": ["jobs"],
}


def _body(form: object, example: object) -> dict[str, Any]:
    content = {"application/json": {"schema": form, "example": example}}
    return {"required": True, "content": content}


V5_ANSWERS: dict[int, type[Schema]] = {HTTPStatus.OK: Results, **_REFUSALS}
V4_ANSWERS: dict[int, type[Schema]] = {HTTPStatus.OK: Symbolicated, **_REFUSALS}
V5: dict[str, Any] = {
    "requestBody": _body({"anyOf": [_JOBS, _JOB]}, {"jobs": [_EXAMPLE], "version": 5}),
    "parameters": [
        {
            "name": "Debug",
            "in": "header",
            "description": "If it is there, `debug` tells of the work behind the answer.",
            "schema": {"type": "string"},
        }
    ],
}
V4: dict[str, Any] = {"requestBody": _body(_JOB, {**_EXAMPLE, "version": 4})}
