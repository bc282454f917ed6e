"""What each error looks like to Eliot's clients: one key, `title`, with a sentence.

Source: spec/serving 5.1, "errors".
"""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from math import ceil

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from symdepot.domain import errors
from symdepot.protocols import auth
from symdepot.protocols.eliot import answers

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

_log = structlog.get_logger(__name__)


def speak_errors(api: NinjaAPI) -> None:
    """Teach `api` to answer every error as Eliot does."""
    for error, status in STATUS.items():
        api.add_exception_handler(error, partial(_answer, status))
    for lost in (OperationalError, InterfaceError):
        api.add_exception_handler(lost, partial(_answer_no_database))
    api.add_exception_handler(Exception, partial(_answer_fault))


def titled(title: str, status: HTTPStatus) -> HttpResponse:
    """Return the answer that says why there is no other."""
    return answers.told({"title": title}, status)


def _answer(status: HTTPStatus, request: HttpRequest, error: Exception) -> HttpResponse:
    is_ours = isinstance(error, errors.Unavailable)
    (_log.warning if is_ours else _log.info)(
        "refused",
        status=int(status),
        why=str(error),
        cause=repr(error.__cause__),
        path=auth.shown_path(request),
    )
    answer = titled(str(error), status)
    if status == HTTPStatus.UNAUTHORIZED:
        answer["WWW-Authenticate"] = 'Basic realm="symdepot", Bearer'
    if isinstance(error, errors.Unavailable):
        answer["Retry-After"] = str(ceil(error.retry_after_seconds))
    return answer


def _answer_no_database(request: HttpRequest, error: Exception) -> HttpResponse:
    unavailable = errors.Unavailable("The database does not answer. Try again.")
    unavailable.__cause__ = error
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, request, unavailable)


def _answer_fault(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer a fault of ours: what it was stands in the log, not in the answer."""
    _log.error("fault", path=auth.shown_path(request), exc_info=error)
    return titled("internal server error", HTTPStatus.INTERNAL_SERVER_ERROR)
