"""Views of debuginfod, symstore and Breakpad: they answer with a file or plain text.

Debuggers show the text to people, or take it for "not found"; none reads JSON or HTML.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, cast

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)

from symdepot.domain import errors
from symdepot.domain.errors import SymdepotError
from symdepot.protocols import error_responses, request_metrics

type View[**P] = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

READ_METHODS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """HTTP status per error class; the first class that matches wins.

    `not_found` is the text of a miss. All other errors have their own, also that of a file
    which is here but damaged.
    """

    status: Mapping[type[SymdepotError], HTTPStatus]
    not_found: str

    def response(self, error: SymdepotError) -> HttpResponse:
        """Return the response to a request that failed with `error`."""
        status = next(s for kind, s in self.status.items() if isinstance(error, kind))
        is_miss = isinstance(error, errors.Missing)
        is_miss &= not isinstance(error, errors.ContentDamaged)
        text = self.not_found if is_miss else str(error)
        return error_responses.add_headers(text_response(text, status), error)


_STATUS = {
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.Refused: HTTPStatus.NOT_FOUND,
    errors.Missing: HTTPStatus.NOT_FOUND,
    errors.RateExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

SYMBOL_SERVER = ErrorTable(_STATUS, "Symbol Not Found")
"""Symstore and Breakpad. A miss must be a 404: after any other refusal .NET sends this
server no more requests, and a 5xx ends WinDbg's search. So an invalid path is a miss,
too. The texts are Tecken's, which clients compare.

Source: spec/serving 2.3 and 3.2.
"""

DEBUGINFOD = ErrorTable(
    {**_STATUS, errors.Refused: HTTPStatus.BAD_REQUEST}, "not found"
)
"""Clients take all but 200 for "not found" for ten minutes; people read the text. The
reference answers 503 to invalid paths, but monitoring would take that for an outage.

Source: spec/serving 1.2 and 1.6.
"""


def text_response(text: str, status: HTTPStatus) -> HttpResponse:
    """Return a response of plain text."""
    kind = "text/plain; charset=utf-8"
    response = HttpResponse(text, content_type=kind, status=status)
    response["Content-Length"] = str(len(response.content))
    return response


def ignored_response() -> HttpResponse:
    """Return the response of a symbol server to a path that no file can have."""
    return text_response("Symbol Not Found (and ignored)", HTTPStatus.NOT_FOUND)


def text_view[**P](
    error_table: ErrorTable, kind: Callable[[HttpRequest], str]
) -> Callable[[View[P]], View[P]]:
    """Decorate a view for GET and HEAD: errors become text, responses are counted.

    Errors are logged, except misses: most of what debuggers request does not exist. `kind` is
    one of `request_metrics.KINDS`.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def respond(
            request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            started_at = time.perf_counter()
            try:
                response = (
                    view(request, *args, **kwargs)
                    if request.method in READ_METHODS
                    else _method_not_allowed()
                )
            except Exception as error:  # noqa: BLE001 -- the last chance to answer
                response = error_response(error_table, request, error)
            return count(response, kind(request), time.perf_counter() - started_at)

        return respond

    return decorate


class _CountedBlocks:
    """The blocks of a response; when it ends, reports how many bytes were sent."""

    def __init__(self, blocks: Iterator[bytes], report: Callable[[int], None]) -> None:
        self._blocks = blocks
        self._report = report
        self._size_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = next(self._blocks)
        self._size_bytes += len(block)
        return block

    def close(self) -> None:
        """Django calls this when the response is sent, or the client gone."""
        self._report(self._size_bytes)
        self._blocks = iter(())  # they refer to the response, which refers to this


def count(response: HttpResponseBase, kind: str, seconds: float) -> HttpResponseBase:
    """Count a response that took so long to begin, and return it."""
    status = response.status_code

    def report(size_bytes: int) -> None:
        request_metrics.count_response(kind, status, size_bytes, seconds)

    match response:
        case StreamingHttpResponse():
            blocks = cast("Iterator[bytes]", response.streaming_content)
            response.streaming_content = _CountedBlocks(blocks, report)
        case HttpResponse():
            report(len(response.content))
    return response


def error_response(
    error_table: ErrorTable, request: HttpRequest, error: Exception
) -> HttpResponse:
    """Return the response to a request that failed with `error`, and log why."""
    error = error_responses.unavailable_error(error) or error
    if not isinstance(error, SymdepotError):
        text = str(error_responses.internal_error(request, error))
        return text_response(text, HTTPStatus.INTERNAL_SERVER_ERROR)
    response = error_table.response(error)
    if not isinstance(error, errors.Missing):
        error_responses.log_refusal(request, response.status_code, error)
    error_responses.release_frames(error)
    return response


def _method_not_allowed() -> HttpResponse:
    response = text_response("GET or HEAD only", HTTPStatus.METHOD_NOT_ALLOWED)
    response["Allow"] = ", ".join(READ_METHODS)
    return response
