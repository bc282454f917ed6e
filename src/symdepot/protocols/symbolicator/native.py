"""POST /symbolicate, and GET /requests/ID to poll a pending request.

Source: spec/serving 4.5.
"""

import threading
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field
from pydantic_core import to_json

from symdepot.domain.errors import Busy, RequestMissing
from symdepot.jobs.polling import waiting_slot
from symdepot.protocols import symbolication_request
from symdepot.protocols.symbolicator import (
    api_description,
    native_request,
    native_response,
)
from symdepot.protocols.symbolicator.schemas import BODY, Body
from symdepot.symbolication import pending_requests
from symdepot.symbolication import symbolicate as symbolication
from symdepot.symbolication.request import (
    LookupScope,
    SymbolicationRequest,
    SymbolicationResult,
)

router = Router()

_MAX_WAIT_SECONDS = 300.0
"""How long a request is held open; the default without a `timeout`."""
_WAITERS = threading.BoundedSemaphore(32)
"""Each occupies a thread of the server; half of the threads are left for others."""
_RETRY_AFTER_SECONDS = 5


class WaitOptions(Schema):
    """How long a client waits before it prefers to poll.

    `scope` is accepted and ignored: the token decides what may be read.
    """

    timeout: float | None = Field(None, ge=0, le=86_400)
    scope: str = ""


@router.post(
    "/symbolicate",
    summary="Look addresses up",
    openapi_extra=api_description.SYMBOLICATE,
)
def symbolicate(request: HttpRequest, options: Query[WaitOptions]) -> HttpResponse:
    """Return functions, files and lines for the addresses of stack traces."""
    caller = symbolication_request.limited_caller(request)
    content = native_request.read_body(request)
    body = BODY.validate_json(content)
    scope = symbolication_request.scope(request, caller)
    result = _symbolicate(scope, body, options, may_wait=True)
    if result is not None:
        return _completed(body, result)
    return _pending(pending_requests.store(content, caller.token if caller else None))


@router.get(
    "/requests/{request_id}",
    summary="Come again for an answer",
    openapi_extra=api_description.REQUESTS,
)
def poll(
    request: HttpRequest, request_id: str, options: Query[WaitOptions]
) -> HttpResponse:
    """Return the result of a pending request, or that it is still pending."""
    caller = symbolication_request.limited_caller(request)
    try:
        known_id = UUID(request_id)
    except ValueError:
        raise RequestMissing(request_id) from None
    token = caller.token if caller else None
    content, may_wait = pending_requests.fetch(known_id, token)
    body = BODY.validate_json(content)
    scope = symbolication_request.scope(request, caller)
    result = _symbolicate(scope, body, options, may_wait=may_wait)
    if result is None:
        return _pending(known_id)
    response = _completed(body, result)
    pending_requests.mark_answered(known_id)
    return response


def _symbolicate(
    scope: LookupScope, body: Body, options: WaitOptions, *, may_wait: bool
) -> SymbolicationResult | None:
    """Symbolicate as soon as symcaches are ready. None: pending after the timeout.

    Never None for clients without a `timeout`, which do not poll.

    Raises:
        Busy: too many requests wait, and this client does not poll.
    """
    request = native_request.to_request(body)
    if not may_wait:
        return symbolication.symbolicate(scope, request)
    result = symbolication.symbolicate_if_ready(scope, request)
    return result or _symbolicate_later(scope, request, options.timeout)


def _symbolicate_later(
    scope: LookupScope, request: SymbolicationRequest, timeout: float | None
) -> SymbolicationResult | None:
    with waiting_slot(_WAITERS) as is_free:
        if timeout is None and not is_free:
            raise Busy
        longest = _MAX_WAIT_SECONDS if is_free else 0.0
        if timeout is None:
            return symbolication.symbolicate(scope, request, wait_seconds=longest)
        seconds = min(timeout, longest)
        return symbolication.symbolicate_if_ready(scope, request, wait_seconds=seconds)


def _completed(body: Body, result: SymbolicationResult) -> HttpResponse:
    return _json(native_response.render(body, result))


def _pending(request_id: UUID) -> HttpResponse:
    content = {"status": "pending", "request_id": str(request_id)}
    return _json({**content, "retry_after": _RETRY_AFTER_SECONDS})


def _json(content: native_response.Json) -> HttpResponse:
    encoded = to_json(content, inf_nan_mode="null")
    return HttpResponse(encoded, content_type="application/json")
