"""What each error looks like to Symbolicator's clients: `detail`, and its `causes`.

Source: spec/serving 4.5, "Errors".
"""

from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import ValidationError as NinjaValidationError
from pydantic import ValidationError

from symdepot.domain import errors
from symdepot.protocols import error_responses

STATUS: Mapping[type[errors.SymdepotError], HTTPStatus] = {
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Refused: HTTPStatus.BAD_REQUEST,
    errors.Missing: HTTPStatus.NOT_FOUND,
    errors.RateExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The nearest class of an error's family tells."""

_MOST_CAUSES = 10


def add_error_handlers(api: NinjaAPI) -> None:
    """Teach `api` to answer every error as Symbolicator does."""
    error_responses.add_error_handlers(
        api,
        STATUS,
        lambda request, status, error: _said(api, request, status, str(error)),
    )
    api.add_exception_handler(ValidationError, partial(_answer_invalid, api))
    api.add_exception_handler(NinjaValidationError, partial(_answer_query, api))


def _answer_invalid(
    api: NinjaAPI, request: HttpRequest, invalid: ValidationError
) -> HttpResponse:
    """Answer 400 to what is no JSON, and 422 to JSON of another form."""
    found = invalid.errors(include_url=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        detail, status = "The body is not valid JSON.", HTTPStatus.BAD_REQUEST
    else:
        detail = "The body is JSON, but not of the form that is asked for."
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    causes = [_cause(fault["loc"], fault["msg"]) for fault in found[:_MOST_CAUSES]]
    return _said(api, request, status, detail, causes=causes)


def _answer_query(
    api: NinjaAPI, request: HttpRequest, invalid: NinjaValidationError
) -> HttpResponse:
    """Answer to what stands behind the question mark, which ninja reads for us."""
    detail = "The query is not of the form that is asked for."
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    causes = [_cause(fault["loc"], fault["msg"]) for fault in invalid.errors]
    return _said(api, request, status, detail, causes=causes[:_MOST_CAUSES])


def _cause(loc: Sequence[int | str], message: str) -> str:
    return ": ".join(filter(None, (_place(loc), message)))


def _place(loc: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in loc)


def _said(
    api: NinjaAPI,
    request: HttpRequest,
    status: HTTPStatus,
    detail: str,
    *,
    causes: Sequence[str] = (),
) -> HttpResponse:
    told = {"detail": detail, "causes": list(causes)}
    return api.create_response(request, told, status=status)
