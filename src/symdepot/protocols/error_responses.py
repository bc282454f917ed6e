"""How doors say no: what is the same in every protocol, whatever its words."""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from math import ceil

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from symdepot.domain import errors
from symdepot.domain.errors import SymdepotError
from symdepot.protocols import auth

CHALLENGE = 'Basic realm="symdepot", Bearer'
"""What a client that shows no token, or a wrong one, is asked for."""
DATABASE_ERRORS = (OperationalError, InterfaceError)
"""What is raised when the database is away."""
JSON_STATUSES: Mapping[type[SymdepotError], HTTPStatus] = {
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Refused: HTTPStatus.BAD_REQUEST,
    errors.Missing: HTTPStatus.NOT_FOUND,
    errors.RateExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Statuses for Symbolicator and Eliot. The nearest base class of an error decides."""

type Said = Callable[[HttpRequest, HTTPStatus, SymdepotError], HttpResponse]
"""Puts an error into the words of a protocol."""

_log = structlog.get_logger(__name__)


def add_error_handlers(
    api: NinjaAPI,
    statuses: Mapping[type[SymdepotError], HTTPStatus],
    said: Said,
    *,
    challenge: str = CHALLENGE,
) -> None:
    """Teach `api` to answer every error; the nearest class tells the status.

    A fault of ours is told without its reason, which stands in the log.
    """

    def answer(
        status: HTTPStatus, request: HttpRequest, error: SymdepotError
    ) -> HttpResponse:
        log_refusal(request, int(status), error)
        return add_headers(said(request, status, error), error, challenge)

    def no_database(request: HttpRequest, error: Exception) -> HttpResponse:
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return answer(status, request, database_unavailable(error))

    def faulty(request: HttpRequest, error: Exception) -> HttpResponse:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return said(request, status, internal_error(request, error))

    for kind, status in statuses.items():
        api.add_exception_handler(kind, partial(answer, status))
    for lost in DATABASE_ERRORS:
        api.add_exception_handler(lost, partial(no_database))
    api.add_exception_handler(Exception, partial(faulty))


def add_headers(
    answer: HttpResponse, error: SymdepotError, challenge: str = CHALLENGE
) -> HttpResponse:
    """Add what a client needs to know to ask again, and better."""
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        answer["WWW-Authenticate"] = challenge
    if isinstance(error, errors.Unavailable):
        answer["Retry-After"] = str(ceil(error.retry_after_seconds))
    return answer


def log_refusal(request: HttpRequest, status: int, error: SymdepotError) -> None:
    """Log that a request was refused, and why: as a warning, if that is our fault."""
    is_ours = isinstance(error, errors.Unavailable)
    (_log.warning if is_ours else _log.info)(
        "refused",
        status=status,
        why=str(error),
        cause=repr(error.__cause__),
        method=request.method,
        path=auth.path_without_token(request),
    )


def database_unavailable(lost: Exception) -> errors.Unavailable:
    """Return what is said when the database is away: clients try again after a 503."""
    said = errors.Unavailable("The database does not answer. Try again.")
    said.__cause__ = lost
    return said


def internal_error(request: HttpRequest, error: Exception) -> errors.InternalError:
    """Log a fault that nobody foresaw, and return what is said of it."""
    _log.error(
        "fault",
        method=request.method,
        path=auth.path_without_token(request),
        exc_info=error,
    )
    return errors.InternalError()
