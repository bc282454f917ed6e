"""OpenAPI descriptions, derived from the schemas that requests are parsed with."""

from typing import Any

from pydantic import TypeAdapter

from symdepot.protocols.symbolicator.jvm_schemas import JVM_ANSWER, JVM_BODY
from symdepot.protocols.symbolicator.response_schemas import ANSWER, REFUSAL
from symdepot.protocols.symbolicator.schemas import BODY

type Schema = dict[Any, Any]

_IN_COMPONENTS = "#/components/schemas/{model}"

COMPONENTS: dict[str, Schema] = {}
"""Schemas that the descriptions below refer to."""


def _schema(adapter: TypeAdapter[Any]) -> Schema:
    schema = adapter.json_schema(ref_template=_IN_COMPONENTS)
    COMPONENTS.update(schema.pop("$defs", {}))
    return schema


def _json(schema: Schema) -> Schema:
    return {"content": {"application/json": {"schema": schema}}}


def _refusals(*statuses: tuple[int, str]) -> Schema:
    refusal = _schema(REFUSAL)
    return {
        status: {"description": text, **_json(refusal)} for status, text in statuses
    }


_COMPLETED = {
    200: {
        "description": "The result, or that it is pending.",
        **_json(_schema(ANSWER)),
    }
}
_REFUSED = _refusals(
    (400, "The body is not JSON, or has too many parts or frames."),
    (401, "The token is unknown, revoked or expired."),
    (403, "The token may not read."),
    (413, "The body is too large."),
    (422, "The body does not match the schema."),
    (429, "Too many requests; `Retry-After` states when to retry."),
    (503, "Too many requests wait, or the database or storage is unavailable."),
)

SYMBOLICATE: Schema = {
    "requestBody": {"required": True, **_json(_schema(BODY))},
    "responses": {**_COMPLETED, **_REFUSED},
}

SYMBOLICATE_JVM: Schema = {
    "requestBody": {"required": True, **_json(_schema(JVM_BODY))},
    "responses": {
        200: {"description": "The result.", **_json(_schema(JVM_ANSWER))},
        **_REFUSED,
    },
}

REQUESTS: Schema = {
    "responses": {
        **_COMPLETED,
        **_refusals(
            (401, "The token is unknown, revoked or expired."),
            (403, "The token may not read."),
            (404, "There is no such request of this token."),
            (429, "Too many requests; `Retry-After` states when to retry."),
            (503, "Too many requests wait, or the database or storage is unavailable."),
        ),
    }
}
