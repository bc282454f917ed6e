"""Error responses of Symbolicator's protocol: `detail`, and its `causes`.

Source: spec/serving 4.5, "Errors".
"""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import ValidationError as NinjaValidationError
from pydantic import ValidationError

from symdepot.protocols import error_responses

_MAX_CAUSES = 10


def add_error_handlers(api: NinjaAPI) -> None:
    """Register handlers for all errors."""
    error_responses.add_error_handlers(
        api,
        error_responses.JSON_STATUSES,
        lambda request, status, error: _response(api, request, status, str(error)),
    )
    api.add_exception_handler(ValidationError, partial(_invalid_body, api))
    api.add_exception_handler(NinjaValidationError, partial(_invalid_query, api))


def _invalid_body(
    api: NinjaAPI, request: HttpRequest, invalid: ValidationError
) -> HttpResponse:
    """Return 400 for invalid JSON, and 422 for JSON that does not match the schema."""
    found = invalid.errors(include_url=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        detail, status = "The body is not valid JSON.", HTTPStatus.BAD_REQUEST
    else:
        detail = "The body is JSON, but not of the form that is asked for."
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    causes = [_cause(fault["loc"], fault["msg"]) for fault in found[:_MAX_CAUSES]]
    return _response(api, request, status, detail, causes=causes)


def _invalid_query(
    api: NinjaAPI, request: HttpRequest, invalid: NinjaValidationError
) -> HttpResponse:
    """Return 422 for an invalid query string."""
    detail = "The query is not of the form that is asked for."
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    causes = [_cause(fault["loc"], fault["msg"]) for fault in invalid.errors]
    return _response(api, request, status, detail, causes=causes[:_MAX_CAUSES])


def _cause(loc: Sequence[int | str], message: str) -> str:
    path = ".".join(str(part) for part in loc)
    return ": ".join(filter(None, (path, message)))


def _response(
    api: NinjaAPI,
    request: HttpRequest,
    status: HTTPStatus,
    detail: str,
    *,
    causes: Sequence[str] = (),
) -> HttpResponse:
    content = {"detail": detail, "causes": list(causes)}
    return api.create_response(request, content, status=status)
