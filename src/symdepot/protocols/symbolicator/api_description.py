"""OpenAPI descriptions, derived from the schemas that requests are parsed with."""

from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from symdepot.protocols.symbolicator.jvm_schemas import JVM_ANSWER, JVM_BODY
from symdepot.protocols.symbolicator.response_schemas import ANSWER, REFUSAL
from symdepot.protocols.symbolicator.schemas import BODY

type Schema = dict[Any, Any]

COMPONENTS: dict[str, Schema] = {}
"""Schemas that the descriptions below refer to."""


def _json(adapter: TypeAdapter[Any]) -> Schema:
    schema = adapter.json_schema(ref_template="#/components/schemas/{model}")
    COMPONENTS.update(schema.pop("$defs", {}))
    return {"content": {"application/json": {"schema": schema}}}


_PENDING_OR_COMPLETED = {
    200: {"description": "The result, or that it is pending.", **_json(ANSWER)}
}
_REFUSED = {
    status: {"description": text, **_json(REFUSAL)}
    for status, text in {
        400: "The body is not JSON, or has too many parts or frames.",
        401: "The token is unknown, revoked or expired.",
        403: "The token may not read.",
        404: "There is no such request of this token.",
        413: "The body is too large.",
        422: "The body does not match the schema.",
        429: "Too many requests; `Retry-After` states when to retry.",
        503: "Too many requests wait, or the database or storage is unavailable.",
    }.items()
}
_BODY_REFUSED = {k: v for k, v in _REFUSED.items() if k != HTTPStatus.NOT_FOUND}

SYMBOLICATE: Schema = {
    "requestBody": {"required": True, **_json(BODY)},
    "responses": {**_PENDING_OR_COMPLETED, **_BODY_REFUSED},
}
SYMBOLICATE_JVM: Schema = {
    "requestBody": {"required": True, **_json(JVM_BODY)},
    "responses": {
        200: {"description": "The result.", **_json(JVM_ANSWER)},
        **_BODY_REFUSED,
    },
}
REQUESTS: Schema = {
    "responses": {
        **_PENDING_OR_COMPLETED,
        **{status: _REFUSED[status] for status in (401, 403, 404, 429, 503)},
    }
}
