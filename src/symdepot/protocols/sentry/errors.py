"""What each error looks like to sentry-cli: a status, and one key with a sentence.

Sentry names the key `error` where the request itself was wrong and `detail`
elsewhere; sentry-cli takes either, as long as it is the only one.

Source: spec/sentry-cli A6; spec/sentry-server 1.3 for the texts.
"""

from functools import partial
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import ValidationError

from symdepot.domain import errors
from symdepot.protocols import error_responses

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


def add_error_handlers(api: NinjaAPI) -> None:
    """Teach `api` to answer every error as sentry-cli expects it."""
    error_responses.add_error_handlers(
        api, STATUS, partial(_said, api), challenge="Bearer"
    )
    api.add_exception_handler(ValidationError, partial(_answer_invalid, api))


def unknown_path(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer for an address that no door has."""
    return JsonResponse(
        {"detail": "There is nothing at this address."}, status=HTTPStatus.NOT_FOUND
    )


def _said(
    api: NinjaAPI, request: HttpRequest, status: HTTPStatus, error: errors.SymdepotError
) -> HttpResponse:
    text = next((t for kind, t in TEXT.items() if isinstance(error, kind)), str(error))
    key = "error" if status in _SAID_AS_ERROR else "detail"
    return api.create_response(request, {key: text}, status=status)


def _answer_invalid(
    api: NinjaAPI, request: HttpRequest, invalid: ValidationError
) -> HttpResponse:
    first = invalid.errors[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return api.create_response(
        request, {"error": f"{where}: {first['msg']}"}, status=HTTPStatus.BAD_REQUEST
    )
