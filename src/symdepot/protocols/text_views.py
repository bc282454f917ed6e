"""Views that answer in plain text, be it with a file or with a reason why not.

Debuggers show such a text to people, or take it for "not here"; none of them reads
JSON or HTML.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, cast

from django.db import InterfaceError, OperationalError
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)

from symdepot.domain import errors
from symdepot.protocols import error_responses, request_metrics

type View[**P] = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

READ_METHODS = ("GET", "HEAD")
"""The methods of those who read."""


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """What each error looks like in one protocol: the nearest class tells."""

    status: Mapping[type[errors.SymdepotError], HTTPStatus]
    text: Mapping[type[errors.SymdepotError], str] = field(default_factory=dict)

    def says(self, error: errors.SymdepotError) -> HttpResponse:
        """Return the answer to a request that ended in `error`."""
        status = next(s for kind, s in self.status.items() if isinstance(error, kind))
        said = next((t for kind, t in self.text.items() if isinstance(error, kind)), "")
        return error_responses.add_headers(
            text_response(said or str(error), status), error
        )


def text_response(said: str, status: HTTPStatus) -> HttpResponse:
    """Return an answer of plain text."""
    kind = "text/plain; charset=utf-8"
    answer = HttpResponse(said, content_type=kind, status=status)
    answer["Content-Length"] = str(len(answer.content))
    return answer


def text_view[**P](
    speech: ErrorTable, kind: Callable[[HttpRequest], str]
) -> Callable[[View[P]], View[P]]:
    """Let a view, to be asked with GET or HEAD, answer what goes wrong as `speech` does.

    It is logged once. What is merely not there is not logged: debuggers ask for much
    that nobody has. All is counted, as an answer of a `kind`.
    """

    def speaking(view: View[P]) -> View[P]:
        @wraps(view)
        def answer(
            request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            started_at = time.perf_counter()
            try:
                said = (
                    view(request, *args, **kwargs)
                    if request.method in READ_METHODS
                    else _not_so()
                )
            except Exception as error:  # noqa: BLE001 -- the last chance to answer
                said = error_response(speech, request, error)
            return count(said, kind(request), time.perf_counter() - started_at)

        return answer

    return speaking


class _Sent:
    """Blocks on their way to a client; in the end, it notes how much of them went."""

    def __init__(self, blocks: Iterator[bytes], note: Callable[[int], None]) -> None:
        self._blocks = blocks
        self._note = note
        self._size_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = next(self._blocks)
        self._size_bytes += len(block)
        return block

    def close(self) -> None:
        """Django calls this when the answer is out, or its reader gone."""
        self._note(self._size_bytes)


def count(answer: HttpResponseBase, kind: str, seconds: float) -> HttpResponseBase:
    """Count an answer of a `kind` that took so long to begin, and return it."""
    status = answer.status_code
    match answer:
        case StreamingHttpResponse():
            blocks = cast("Iterator[bytes]", answer.streaming_content)
            answer.streaming_content = _Sent(
                blocks,
                lambda sent: request_metrics.count_response(
                    kind, status, sent, seconds
                ),
            )
        case HttpResponse():
            request_metrics.count_response(kind, status, len(answer.content), seconds)
    return answer


def error_response(
    speech: ErrorTable, request: HttpRequest, error: Exception
) -> HttpResponse:
    """Return the answer to a request that ended in `error`, and log why."""
    match error:
        case errors.SymdepotError():
            return _refusal(speech, request, error)
        case OperationalError() | InterfaceError():
            return _refusal(
                speech, request, error_responses.database_unavailable(error)
            )
        case _:
            said = str(error_responses.internal_error(request, error))
            return text_response(said, HTTPStatus.INTERNAL_SERVER_ERROR)


def _not_so() -> HttpResponse:
    answer = text_response("GET or HEAD only", HTTPStatus.METHOD_NOT_ALLOWED)
    answer["Allow"] = ", ".join(READ_METHODS)
    return answer


def _refusal(
    speech: ErrorTable, request: HttpRequest, error: errors.SymdepotError
) -> HttpResponse:
    answer = speech.says(error)
    if not isinstance(error, errors.Missing):
        error_responses.log_refusal(request, answer.status_code, error)
    return answer
