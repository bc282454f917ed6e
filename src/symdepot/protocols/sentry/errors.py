"""What each error looks like to sentry-cli: a status, and one key with a sentence.

Sentry names the key `error` where the request itself was wrong and `detail`
elsewhere; sentry-cli takes either, as long as it is the only one.

Source: spec/sentry-cli A6; spec/sentry-server 1.3 for the texts.
"""

from functools import partial
from http import HTTPStatus
from math import ceil

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import ValidationError

from symdepot.domain import errors

STATUS: dict[type[errors.SymdepotError], HTTPStatus] = {
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.AlreadyAssociated: HTTPStatus.CONFLICT,
    errors.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.RateExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Refused: HTTPStatus.BAD_REQUEST,
    errors.Missing: HTTPStatus.NOT_FOUND,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The nearest class of an error's family tells."""

TEXT: dict[type[errors.SymdepotError], str] = {
    errors.ChunkTooLarge: "Chunk size too large",
    errors.TooManyChunks: "Too many chunks",
    errors.RequestTooLarge: "Request too large",
}
"""Where clients and their tests know a text, that one is said."""

_SAID_AS_ERROR = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)

_log = structlog.get_logger(__name__)


def speak_errors(api: NinjaAPI) -> None:
    """Teach `api` to answer every error as sentry-cli expects it."""
    for error, status in STATUS.items():
        api.add_exception_handler(error, partial(_answer, api, status))
    api.add_exception_handler(ValidationError, partial(_answer_invalid, api))
    for lost in (OperationalError, InterfaceError):
        api.add_exception_handler(lost, partial(_answer_no_database, api))
    api.add_exception_handler(Exception, partial(_answer_fault, api))


def nothing_there(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer for an address that no door has."""
    return JsonResponse(
        {"detail": "There is nothing at this address."}, status=HTTPStatus.NOT_FOUND
    )


def _answer(
    api: NinjaAPI, status: HTTPStatus, request: HttpRequest, error: Exception
) -> HttpResponse:
    text = next((t for kind, t in TEXT.items() if isinstance(error, kind)), str(error))
    key = "error" if status in _SAID_AS_ERROR else "detail"
    log = _log.warning if status == HTTPStatus.SERVICE_UNAVAILABLE else _log.info
    log(
        "refused",
        status=int(status),
        why=str(error),
        cause=repr(error.__cause__),
        method=request.method,
        path=request.path,
    )
    response = api.create_response(request, {key: text}, status=status)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.Unavailable):
        response["Retry-After"] = str(ceil(error.retry_after_seconds))
    return response


def _answer_invalid(
    api: NinjaAPI, request: HttpRequest, invalid: ValidationError
) -> HttpResponse:
    first = invalid.errors[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return api.create_response(
        request, {"error": f"{where}: {first['msg']}"}, status=HTTPStatus.BAD_REQUEST
    )


def _answer_no_database(
    api: NinjaAPI, request: HttpRequest, error: Exception
) -> HttpResponse:
    """Answer what sentry-cli tries again: it does so after a 503, never after a 500."""
    _log.error("no database", path=request.path, exc_info=error)
    unavailable = errors.Unavailable("The database does not answer. Try again.")
    return _answer(api, HTTPStatus.SERVICE_UNAVAILABLE, request, unavailable)


def _answer_fault(
    api: NinjaAPI, request: HttpRequest, error: Exception
) -> HttpResponse:
    """Answer a fault of ours: what it was stands in the log, not in the answer."""
    _log.error("fault", method=request.method, path=request.path, exc_info=error)
    return api.create_response(
        request,
        {"detail": "internal server error"},
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
    )
