"""Error responses for sentry-cli: a status, and JSON with one key.

As in Sentry, the key is `error` if the request was wrong, and `detail` otherwise;
sentry-cli accepts either, if it is the only one.

Source: spec/sentry-cli A6; spec/sentry-server 1.3 for the texts.
"""

from functools import partial
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import ValidationError

from symdepot.domain import errors
from symdepot.protocols import error_responses

STATUS = {
    **error_responses.JSON_STATUSES,
    errors.AlreadyAssociated: HTTPStatus.CONFLICT,
}

TEXT: dict[type[errors.SymdepotError], str] = {
    errors.ChunkTooLarge: "Chunk size too large",
    errors.TooManyChunks: "Too many chunks",
    errors.RequestTooLarge: "Request too large",
}
"""Texts that clients, or their tests, compare."""


def add_error_handlers(api: NinjaAPI) -> None:
    """Add the error handlers of Sentry's API to `api`."""
    error_responses.add_error_handlers(
        api, STATUS, partial(_error_response, api), challenge="Bearer"
    )
    api.add_exception_handler(ValidationError, partial(_invalid_parameter, api))


def unknown_path(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer 404 for a path without a route."""
    return JsonResponse(
        {"detail": "There is nothing at this address."}, status=HTTPStatus.NOT_FOUND
    )


def _error_response(
    api: NinjaAPI, request: HttpRequest, status: HTTPStatus, error: errors.SymdepotError
) -> HttpResponse:
    text = next((t for kind, t in TEXT.items() if isinstance(error, kind)), str(error))
    key = (
        "error" if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT} else "detail"
    )
    return api.create_response(request, {key: text}, status=status)


def _invalid_parameter(
    api: NinjaAPI, request: HttpRequest, invalid: ValidationError
) -> HttpResponse:
    first = invalid.errors[0]
    location = ".".join(str(part) for part in first["loc"][1:])
    return api.create_response(
        request, {"error": f"{location}: {first['msg']}"}, status=HTTPStatus.BAD_REQUEST
    )
