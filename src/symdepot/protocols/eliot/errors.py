"""What each error looks like to Eliot's clients: one key, `title`, with a sentence.

Source: spec/serving 5.1, "errors".
"""

from collections.abc import Mapping
from http import HTTPStatus

from django.http import HttpResponse
from ninja import NinjaAPI

from symdepot.domain import errors
from symdepot.protocols import error_responses
from symdepot.protocols.eliot import response

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


def add_error_handlers(api: NinjaAPI) -> None:
    """Teach `api` to answer every error as Eliot does."""
    error_responses.add_error_handlers(
        api, STATUS, lambda _, status, error: title_response(str(error), status)
    )


def title_response(title: str, status: HTTPStatus) -> HttpResponse:
    """Return the answer that says why there is no other."""
    return response.json_response({"title": title}, status)
