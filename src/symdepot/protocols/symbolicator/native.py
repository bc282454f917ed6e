"""POST /symbolicate, and GET /requests/ID for what takes longer.

Source: spec/serving 4.5.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field
from pydantic_core import to_json

from symdepot.domain.errors import Busy, RequestMissing
from symdepot.projects.access import Caller
from symdepot.protocols import symbolication_request
from symdepot.protocols.symbolicator import (
    api_description,
    bodies,
    native_request,
    native_response,
)
from symdepot.protocols.symbolicator.schemas import BODY, Body
from symdepot.symbolication import pending_requests
from symdepot.symbolication.module_finder import SymCachesPending
from symdepot.symbolication.symbolicate import symbolicate as symbolicated

router = Router()

_LONGEST_SECONDS = 300.0
"""How long a request is held open; whoever is told nothing better waits that long."""
_WAITERS = threading.BoundedSemaphore(32)
"""Each holds a thread of the server, and half of them are left for others."""
_RETRY_AFTER_SECONDS = 5


class WaitOptions(Schema):
    """How long a client waits before it would rather come again.

    `scope` is taken, and means nothing here: what may be looked up is what the token
    may read.
    """

    timeout: float | None = Field(None, ge=0, le=86_400)
    scope: str = ""


@router.post(
    "/symbolicate",
    summary="Look addresses up",
    openapi_extra=api_description.SYMBOLICATE,
)
def symbolicate(request: HttpRequest, patience: Query[WaitOptions]) -> HttpResponse:
    """Answer with functions, files and lines for the addresses of stack traces."""
    who = symbolication_request.caller_or_none(request)
    symbolication_request.consume_rate(request, who)
    content = bodies.body(request)
    body = BODY.validate_json(content)
    try:
        return _answered(request, who, body, patience, may_wait=True)
    except SymCachesPending:
        token = who.token if who else None
        return _pending(pending_requests.keep(content, token))


@router.get(
    "/requests/{request_id}",
    summary="Come again for an answer",
    openapi_extra=api_description.REQUESTS,
)
def poll(
    request: HttpRequest, request_id: str, patience: Query[WaitOptions]
) -> HttpResponse:
    """Answer a request that was pending, or say that it still is."""
    who = symbolication_request.caller_or_none(request)
    symbolication_request.consume_rate(request, who)
    known_id = _parsed(request_id)
    kept = pending_requests.fetch(known_id, who.token if who else None)
    body = BODY.validate_json(kept.body)
    try:
        answer = _answered(request, who, body, patience, may_wait=kept.may_wait)
    except SymCachesPending:
        return _pending(known_id)
    pending_requests.mark_answered(known_id)
    return answer


def _parsed(request_id: str) -> UUID:
    try:
        return UUID(request_id)
    except ValueError:
        raise RequestMissing(request_id) from None


def _answered(
    request: HttpRequest,
    who: Caller | None,
    body: Body,
    patience: WaitOptions,
    *,
    may_wait: bool,
) -> HttpResponse:
    """Return the whole answer.

    Raises:
        NotReady: the client's patience is at an end.
        Busy: a client that never comes again would have to wait, and too many do.
    """
    question, scope = (
        native_request.to_request(body),
        symbolication_request.scope(request, who),
    )
    comes_again = may_wait and patience.timeout is not None
    try:
        answer = symbolicated(scope, question, may_wait=may_wait)
    except SymCachesPending:
        seconds = _LONGEST_SECONDS if patience.timeout is None else patience.timeout
        with _waiting(seconds, comes_again=comes_again) as wait_seconds:
            answer = symbolicated(
                scope, question, wait_seconds=wait_seconds, may_wait=comes_again
            )
    return _json(native_response.render(body, answer))


@contextmanager
def _waiting(seconds: float, *, comes_again: bool) -> Iterator[float]:
    """Lend a place to wait in, and how long; none to a client that can come again."""
    if not _WAITERS.acquire(blocking=False):
        if not comes_again:
            raise Busy
        yield 0.0
        return
    try:
        yield min(seconds, _LONGEST_SECONDS)
    finally:
        _WAITERS.release()


def _pending(request_id: UUID) -> HttpResponse:
    return _json(
        {
            "status": "pending",
            "request_id": str(request_id),
            "retry_after": _RETRY_AFTER_SECONDS,
        }
    )


def _json(told: native_response.Json) -> HttpResponse:
    return HttpResponse(
        to_json(told, inf_nan_mode="null"),
        content_type="application/json",
        status=HTTPStatus.OK,
    )
