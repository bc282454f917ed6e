"""Each error has a status and a title."""

import json
from collections.abc import Callable

import pytest
from django.db import InterfaceError, OperationalError
from django.test import RequestFactory
from ninja import NinjaAPI
from tests.factories import Answer
from tests.protocols.test_errors import ANSWERS, leaves

from symdepot.domain import errors
from symdepot.domain.errors import SymdepotError
from symdepot.protocols.eliot.views import add_error_handlers

MADE: dict[type[SymdepotError], Callable[[], SymdepotError]] = {
    type(make()): make for make in ANSWERS
}
EXPECTED: dict[object, int] = {
    errors.Unauthenticated: 401,
    errors.NotAllowed: 403,
    errors.BodyTooLarge: 413,
    errors.Refused: 400,
    errors.Missing: 404,
    errors.RateExceeded: 429,
    errors.Unavailable: 503,
}


def told(error: Exception) -> Answer:
    api = NinjaAPI(urls_namespace=f"test{id(error)}")
    add_error_handlers(api)
    return api.on_exception(RequestFactory().post("/"), error)


@pytest.mark.parametrize("error", leaves(SymdepotError), ids=lambda e: e.__name__)
def test_each_error_is_one_title(error: type[SymdepotError]) -> None:
    made = MADE[error]()

    answer = told(made)

    status = next(EXPECTED[kind] for kind in error.__mro__ if kind in EXPECTED)
    assert answer.status_code == status
    assert json.loads(answer.content) == {"title": str(made)}
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert ("WWW-Authenticate" in answer) == (status == 401)
    assert ("Retry-After" in answer) == (status in {429, 503})


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_an_unavailable_database_is_503(
    error: type[Exception],
) -> None:
    answer = told(error("disk I/O error at /secret/place"))

    assert answer.status_code == 503
    assert json.loads(answer.content) == {
        "title": "The database does not answer. Try again."
    }
