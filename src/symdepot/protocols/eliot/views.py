"""POST /symbolicate/v5, and the old v4. Errors have one key, `title`.

Source: spec/serving 5.1 and 5.2.
"""

import time
from collections.abc import Sequence
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Router

from symdepot.debugfiles import contents
from symdepot.protocols import (
    cors_preflight,
    error_responses,
    request_body,
    symbolication_request,
)
from symdepot.protocols.eliot import request_parser, response, schemas
from symdepot.protocols.eliot.request_parser import MergedJobs, ParsedJob
from symdepot.protocols.eliot.response import ResultIndex
from symdepot.symbolication.request import LookupScope, SymbolicationResult
from symdepot.symbolication.symbolicate import symbolicate

MAX_BODY_BYTES = 4 << 20
"""300,000 frames: ten seconds and 600 MB of memory."""
WAIT_SECONDS = 3.0
"""How long a request waits for symcaches; then it uses those that are ready."""
_OTHER_METHODS = ["GET", "HEAD", "PUT", "PATCH", "DELETE"]

router = Router()


def add_error_handlers(api: NinjaAPI) -> None:
    """Register handlers for all errors."""
    error_responses.add_error_handlers(
        api,
        error_responses.JSON_STATUSES,
        lambda _, status, error: _title_response(str(error), status),
    )


@router.post("/v5", openapi_extra=schemas.V5, response=schemas.V5_RESPONSES)
def v5(request: HttpRequest) -> HttpResponse:
    """Look up the functions, files and lines of addresses in modules.

    Offsets are not adjusted: subtract 1 from return addresses first.
    """
    scope = _scope(request)
    jobs = request_parser.parse_v5(_body(request))
    started_at = time.monotonic()
    merged, result = _symbolicate(scope, jobs)
    results = response.render_v5(jobs, _index(merged, result))
    content: response.Json = {"results": results}
    if "Debug" in request.headers:
        seconds = time.monotonic() - started_at
        content["debug"] = response.debug_info(results, merged, result, seconds)
    return response.json_response(content)


@router.post(
    "/v4", openapi_extra=schemas.V4, response=schemas.V4_RESPONSES, deprecated=True
)
def v4(request: HttpRequest) -> HttpResponse:
    """Look up the functions of addresses, for old clients."""
    scope = _scope(request)
    job = request_parser.parse_v4(_body(request))
    merged, result = _symbolicate(scope, [job])
    return response.json_response(response.render_v4(job, _index(merged, result)))


@router.api_operation(["OPTIONS"], "/v4", include_in_schema=False)
@router.api_operation(["OPTIONS"], "/v5", include_in_schema=False)
def preflight(request: HttpRequest) -> HttpResponse:
    """Allow pages of any origin to send requests."""
    return cors_preflight.preflight(request, response.METHODS)


@router.api_operation(_OTHER_METHODS, "/v4", include_in_schema=False)
@router.api_operation(_OTHER_METHODS, "/v5", include_in_schema=False)
def method_not_allowed(request: HttpRequest) -> HttpResponse:
    """Refuse other methods."""
    refusal = _title_response("405 Method Not Allowed", HTTPStatus.METHOD_NOT_ALLOWED)
    refusal["Allow"] = response.METHODS
    return refusal


def unknown_path(request: HttpRequest, token: str | None = None) -> HttpResponse:
    """Answer for versions that do not exist, and paths with a slash at their end."""
    return _title_response("404 Not Found", HTTPStatus.NOT_FOUND)


def _title_response(title: str, status: HTTPStatus) -> HttpResponse:
    return response.json_response({"title": title}, status)


def _body(request: HttpRequest) -> bytes:
    return request_body.read_json(request, limit_bytes=MAX_BODY_BYTES)


def _scope(request: HttpRequest) -> LookupScope:
    caller = symbolication_request.limited_caller(request)
    return symbolication_request.scope(request, caller)


def _symbolicate(
    scope: LookupScope, jobs: Sequence[ParsedJob]
) -> tuple[MergedJobs, SymbolicationResult]:
    merged = request_parser.merge_jobs(jobs)
    result = symbolicate(scope, merged.to_request(), wait_seconds=WAIT_SECONDS)
    return merged, result


def _index(merged: MergedJobs, result: SymbolicationResult) -> ResultIndex:
    code_files = {
        index: contents.code_file_name(
            module.symbols, [c.debug_file for c in module.candidates]
        )
        for index, module in enumerate(result.modules)
        if module.symbols is not None
    }
    return ResultIndex(merged, result, code_files)
