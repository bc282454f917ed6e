"""POST /symbolicate/v5, and the old v4.

Source: spec/serving 5.1 and 5.2.
"""

import time
from collections.abc import Sequence
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from ninja import Router

from symdepot.debugfiles import file_counts
from symdepot.protocols import symbolication_request
from symdepot.protocols.eliot import errors, request_parser, response, schemas
from symdepot.protocols.eliot.request_parser import Job, MergedJobs
from symdepot.protocols.eliot.response import ResultIndex
from symdepot.symbolication.request import LookupScope, SymbolicationResult
from symdepot.symbolication.symbolicate import symbolicate

MOST_BODY_BYTES = 4 << 20
"""300,000 frames; they take ten seconds, and 600 MB of memory while they are looked up."""
WAIT_SECONDS = 3.0
"""How long a client waits for what is being made; then it gets what is there."""
_OTHERS = ["GET", "HEAD", "PUT", "PATCH", "DELETE"]

router = Router()


@router.post("/v5", openapi_extra=schemas.V5, response=schemas.V5_ANSWERS)
def v5(request: HttpRequest) -> HttpResponse:
    """Look up the functions, files and lines of addresses in modules.

    Offsets are taken as they are: of a return address, subtract 1 before.
    """
    scope = _admitted(request)
    asked = request_parser.of_v5(
        symbolication_request.body(request, limit_bytes=MOST_BODY_BYTES)
    )
    began_at = time.monotonic()
    gathered, answer = _answered(scope, asked)
    results = response.v5(asked, _told(gathered, answer))
    told: response.Json = {"results": results}
    if "Debug" in request.headers:
        seconds = time.monotonic() - began_at
        told["debug"] = response.debug_info(results, gathered, answer, seconds)
    return response.json_response(told)


@router.post(
    "/v4", openapi_extra=schemas.V4, response=schemas.V4_ANSWERS, deprecated=True
)
def v4(request: HttpRequest) -> HttpResponse:
    """Look up the functions of addresses, for clients that know no better."""
    scope = _admitted(request)
    asked = request_parser.of_v4(
        symbolication_request.body(request, limit_bytes=MOST_BODY_BYTES)
    )
    gathered, answer = _answered(scope, [asked])
    return response.json_response(response.v4(asked, _told(gathered, answer)))


@router.api_operation(["OPTIONS"], "/v4", include_in_schema=False)
@router.api_operation(["OPTIONS"], "/v5", include_in_schema=False)
def may_ask(request: HttpRequest) -> HttpResponse:
    """Tell a browser that a page of any origin may ask."""
    return response.preflight(request)


@router.api_operation(_OTHERS, "/v4", include_in_schema=False)
@router.api_operation(_OTHERS, "/v5", include_in_schema=False)
def not_so(request: HttpRequest) -> HttpResponse:
    """Tell whoever asks in another way."""
    answer = errors.title_response(
        "405 Method Not Allowed", HTTPStatus.METHOD_NOT_ALLOWED
    )
    answer["Allow"] = response.METHODS
    return answer


def _admitted(request: HttpRequest) -> LookupScope:
    """Return where whoever asks may have things looked up, if not too often.

    Raises:
        Unauthenticated: see `auth.reader`.
        NotAllowed: see `reading.readable`.
        RateExceeded: see `limiting.spend`.
    """
    who = symbolication_request.caller_or_none(request)
    symbolication_request.consume_rate(request, who)
    return symbolication_request.scope(request, who)


def _answered(
    scope: LookupScope, asked: Sequence[Job]
) -> tuple[MergedJobs, SymbolicationResult]:
    gathered = request_parser.merge_jobs(asked)
    question = gathered.question()
    return gathered, symbolicate(scope, question, wait_seconds=WAIT_SECONDS)


def _told(gathered: MergedJobs, answer: SymbolicationResult) -> ResultIndex:
    names = {
        place: file_counts.code_file_name(
            module.symbols, [c.debug_file for c in module.candidates]
        )
        for place, module in enumerate(answer.modules)
        if module.symbols is not None
    }
    return ResultIndex(gathered, answer, names)
