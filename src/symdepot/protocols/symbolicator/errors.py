"""What each error looks like to Symbolicator's clients: `detail`, and its `causes`.

Source: spec/serving 4.5, "Errors".
"""

from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from math import ceil

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import ValidationError as NinjaValidationError
from pydantic import ValidationError

from symdepot.domain import errors
from symdepot.protocols import auth

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
_log = structlog.get_logger(__name__)


def speak_errors(api: NinjaAPI) -> None:
    """Teach `api` to answer every error as Symbolicator does."""
    for error, status in STATUS.items():
        api.add_exception_handler(error, partial(_answer, api, status))
    api.add_exception_handler(ValidationError, partial(_answer_invalid, api))
    api.add_exception_handler(NinjaValidationError, partial(_answer_query, api))
    for lost in (OperationalError, InterfaceError):
        api.add_exception_handler(lost, partial(_answer_no_database, api))
    api.add_exception_handler(Exception, partial(_answer_fault, api))


def _answer(
    api: NinjaAPI, status: HTTPStatus, request: HttpRequest, error: Exception
) -> HttpResponse:
    is_ours = isinstance(error, errors.Unavailable)
    (_log.warning if is_ours else _log.info)(
        "refused",
        status=int(status),
        why=str(error),
        cause=repr(error.__cause__),
        path=auth.shown_path(request),
    )
    response = _said(api, request, status, str(error))
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Basic realm="symdepot", Bearer'
    if isinstance(error, errors.Unavailable):
        response["Retry-After"] = str(ceil(error.retry_after_seconds))
    return response


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


def _answer_no_database(
    api: NinjaAPI, request: HttpRequest, error: Exception
) -> HttpResponse:
    unavailable = errors.Unavailable("The database does not answer. Try again.")
    unavailable.__cause__ = error
    return _answer(api, HTTPStatus.SERVICE_UNAVAILABLE, request, unavailable)


def _answer_fault(
    api: NinjaAPI, request: HttpRequest, error: Exception
) -> HttpResponse:
    """Answer a fault of ours: what it was stands in the log, not in the answer."""
    _log.error("fault", path=auth.shown_path(request), exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _said(api, request, status, "internal server error")


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
