"""Error responses: what is the same in every protocol."""

import errno
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
"""`WWW-Authenticate` of a response 401."""
DATABASE_ERRORS = (OperationalError, InterfaceError)
"""Raised when the database is unavailable."""
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
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

type Render = Callable[[HttpRequest, HTTPStatus, SymdepotError], HttpResponse]
"""Makes the response of a protocol to an error."""

_log = structlog.get_logger(__name__)


def add_error_handlers(
    api: NinjaAPI,
    statuses: Mapping[type[SymdepotError], HTTPStatus],
    render: Render,
    *,
    challenge: str = CHALLENGE,
) -> None:
    """Make `api` answer every error; the nearest class in `statuses` decides.

    An internal error is answered without its reason, which is logged.
    """

    def respond(
        status: HTTPStatus, request: HttpRequest, error: SymdepotError
    ) -> HttpResponse:
        log_refusal(request, int(status), error)
        release_frames(error)
        return add_headers(render(request, status, error), error, challenge)

    def respond_other(request: HttpRequest, error: Exception) -> HttpResponse:
        if unavailable := unavailable_error(error):
            return respond(HTTPStatus.SERVICE_UNAVAILABLE, request, unavailable)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return render(request, status, internal_error(request, error))

    for kind, status in statuses.items():
        api.add_exception_handler(kind, partial(respond, status))
    api.add_exception_handler(Exception, partial(respond_other))


def add_headers(
    response: HttpResponse, error: SymdepotError, challenge: str = CHALLENGE
) -> HttpResponse:
    """Add `WWW-Authenticate` or `Retry-After` where the client needs it."""
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = challenge
    if isinstance(error, errors.Unavailable):
        response["Retry-After"] = str(ceil(error.retry_after_seconds))
    return response


def log_refusal(request: HttpRequest, status: int, error: SymdepotError) -> None:
    """Log a refused request and its reason; a warning if the server is at fault."""
    is_ours = isinstance(error, errors.Unavailable)
    cause = {} if error.__cause__ is None else {"cause": repr(error.__cause__)}
    (_log.warning if is_ours else _log.info)(
        "request.refused",
        status=status,
        error=str(error),
        method=request.method,
        path=auth.path_without_token(request),
        **cause,
    )


def release_frames(error: BaseException) -> None:
    """Remove the tracebacks of a logged error and of its causes.

    A frame and an error in one of its variables refer to each other, so the request and
    blocks of its body stayed in memory, about 0.5 MB, until the garbage collector ran.
    """
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__


def unavailable_error(cause: Exception) -> errors.Unavailable | None:
    """Return the error for the client if the database or a disk failed, else None.

    Clients retry after a 503.
    """
    error: errors.Unavailable
    if isinstance(cause, DATABASE_ERRORS) and "disk is full" in str(cause):
        error = errors.Unavailable("The disk of the database is full. Try again later.")
    elif isinstance(cause, DATABASE_ERRORS):
        error = errors.Unavailable("The database does not answer. Try again.")
    elif isinstance(cause, OSError) and cause.errno in _DISK_ERRORS:
        error = errors.StorageUnavailable(
            "A disk of this server is full or cannot be written. Try again later."
        )
    else:
        return None
    error.__cause__ = cause
    return error


def internal_error(request: HttpRequest, error: Exception) -> errors.InternalError:
    """Log an unexpected error, and return the one for the client."""
    _log.error(
        "request.failed",
        method=request.method,
        path=auth.path_without_token(request),
        exc_info=error,
    )
    release_frames(error)
    return errors.InternalError()
