"""Every error of ours has a face for debuggers, too: a status, and a sentence."""

from collections.abc import Callable
from http import HTTPStatus

import pytest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase
from django.test import RequestFactory
from structlog.typing import EventDict
from tests.factories import Answer
from tests.protocols.test_errors import ANSWERS, leaves

from symdepot.domain import errors
from symdepot.domain.errors import SymdepotError
from symdepot.protocols import plain_text_responses
from symdepot.protocols.plain_text_responses import ErrorTable

TABLES = {
    "breakpad": plain_text_responses.SYMBOL_SERVER,
    "debuginfod": plain_text_responses.DEBUGINFOD,
    "symstore": plain_text_responses.SYMBOL_SERVER,
}
PATH = "/s/symd_Secret/buildid/ab/debuginfo"
MADE: dict[type[SymdepotError], Callable[[], SymdepotError]] = {
    type(make()): make for make in ANSWERS
}


def told(
    error: Exception, table: ErrorTable = plain_text_responses.DEBUGINFOD
) -> Answer:
    @plain_text_responses.text_view(table, lambda _: "other")
    def door(request: HttpRequest) -> HttpResponseBase:
        raise error

    return door(RequestFactory().get(PATH))


@pytest.mark.parametrize("protocol", TABLES)
@pytest.mark.parametrize("error", leaves(SymdepotError), ids=lambda e: e.__name__)
def test_a_debugger_is_told_each_error_in_plain_text(
    error: type[SymdepotError], protocol: str
) -> None:
    made = MADE[error]()

    answer = told(made, TABLES[protocol])

    miss = "not found" if protocol == "debuginfod" else "Symbol Not Found"
    is_miss = isinstance(made, errors.Missing) and error is not errors.ContentDamaged
    refused = 400 if protocol == "debuginfod" else 404
    expected: dict[object, int] = {
        errors.Unauthenticated: 401,
        errors.NotAllowed: 403,
        errors.Refused: refused,
        errors.Missing: 404,
        errors.RateExceeded: 429,
        errors.Unavailable: 503,
    }
    status = next(expected[kind] for kind in error.__mro__ if kind in expected)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.status_code == status
    assert answer.content.decode() == (miss if is_miss else str(made))
    assert ("WWW-Authenticate" in answer) == (status == 401)
    assert ("Retry-After" in answer) == (status in {429, 503})


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_does_not_answer_is_our_fault(error: type[Exception]) -> None:
    answer = told(error("disk I/O error at /secret/place"))

    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.content == b"The database does not answer. Try again."


def test_a_fault_is_told_without_its_reason_and_logged_without_the_token(
    log: list[EventDict],
) -> None:
    answer = told(RuntimeError("Permission denied: '/secret/place'"))

    assert (answer.status_code, answer.content) == (500, b"internal server error")
    assert [entry["path"] for entry in log] == ["/s/…/buildid/ab/debuginfo"]


def test_a_refusal_is_logged_once_without_the_token_and_a_miss_is_not(
    log: list[EventDict],
) -> None:
    told(errors.Unauthenticated("Who?"))
    told(errors.DebugFileMissing("7"))

    assert [(entry["event"], entry["path"]) for entry in log] == [
        ("request.refused", "/s/…/buildid/ab/debuginfo")
    ]
