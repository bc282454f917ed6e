"""Error responses of Symbolicator's protocol: `detail`, and its `causes`.

Source: spec/serving 4.5, "Errors".
"""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

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
        lambda request, status, error: api.create_response(
            request, {"detail": str(error), "causes": []}, status=status
        ),
    )
    for kind in (ValidationError, NinjaValidationError):
        api.add_exception_handler(kind, partial(_invalid, api))


def _invalid(
    api: NinjaAPI, request: HttpRequest, invalid: ValidationError | NinjaValidationError
) -> HttpResponse:
    """Return 400 for invalid JSON, and 422 for a body or query that has another form."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if isinstance(invalid, NinjaValidationError):
        faults: Sequence[Any] = invalid.errors
        detail = "The query is not of the form that is asked for."
    else:
        faults = invalid.errors(include_url=False, include_input=False)
        detail = "The body is JSON, but not of the form that is asked for."
        if faults[0]["type"] == "json_invalid":
            detail, status = "The body is not valid JSON.", HTTPStatus.BAD_REQUEST
    causes = [
        ": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"])))
        for fault in faults[:_MAX_CAUSES]
    ]
    content = {"detail": detail, "causes": causes}
    return api.create_response(request, content, status=status)
