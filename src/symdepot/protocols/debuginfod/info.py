"""What debuginfod tells of itself and of what it has: /, /metadata and /metrics.

Source: spec/serving 1.1, 1.4 and 1.5.
"""

import importlib.metadata
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import metadata_search, usage
from symdepot.debugfiles.metadata_search import SearchKey
from symdepot.domain.errors import InvalidRequest, StorageUnavailable
from symdepot.domain.symbol_paths import path_parser
from symdepot.projects import access
from symdepot.protocols import (
    auth,
    error_responses,
    plain_text_responses,
    request_metrics,
)
from symdepot.uploads import chunk_verification

_VERSION = importlib.metadata.version("symdepot")
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
"""Source: Prometheus, "Exposition formats"."""
_RESULTS: dict[int, str] = {
    HTTPStatus.OK: "file",
    HTTPStatus.PARTIAL_CONTENT: "file",
    HTTPStatus.FOUND: "redirect",
    HTTPStatus.NOT_MODIFIED: "unmodified",
}
"""All other statuses count as errors, as in the reference."""


@plain_text_responses.text_view(plain_text_responses.DEBUGINFOD, lambda _: "/")
def about(request: HttpRequest, token: str | None = None) -> HttpResponse:
    """Return the name and version of the server."""
    return plain_text_responses.text_response(
        f"debuginfod (symdepot) {_VERSION}\n"
        "A server for debug information files: debuginfod, SymSrv, SSQP, Breakpad, and "
        "uploads by sentry-cli.\n",
        HTTPStatus.OK,
    )


@plain_text_responses.text_view(plain_text_responses.DEBUGINFOD, lambda _: "metadata")
def metadata(request: HttpRequest, token: str | None = None) -> HttpResponse:
    """List the readable files of a build id, a name, or a pattern of names."""
    key, value = (request.GET.get(name, "") for name in ("key", "value"))
    if not key or not value:
        raise InvalidRequest("/metadata needs a key and a value.")
    if key not in set(SearchKey):
        raise InvalidRequest(f"unsupported key; these are: {', '.join(SearchKey)}")
    if key == SearchKey.BUILD_ID and not path_parser.is_build_id(value):
        raise InvalidRequest("A build id is an even number of digits 0-9 and a-f.")
    scope = access.read_scope(auth.reader(request, token))
    blob_store().require_known()
    found = metadata_search.search(scope.projects(), SearchKey(key), value)
    results = [
        {"type": one.role.value, "buildid": one.build_id, "file": one.name}
        for one in found.files
    ]
    return JsonResponse({"results": results, "complete": found.is_complete})


@plain_text_responses.text_view(plain_text_responses.DEBUGINFOD, lambda _: "metrics")
def metrics(request: HttpRequest, token: str | None = None) -> HttpResponse:
    """Return the counts of responses of this machine, and of readable files."""
    scope = access.read_scope(auth.reader(request, token))
    lines = list(_response_lines())
    try:
        counts = usage.count_by_role(scope.projects())
        lines += (
            _line(f"found_{role}_total", number, source="file")
            for role, number in counts.items()
        )
        blob_store().require_known()
        lines.append(
            _line("symdepot_damaged_chunks", chunk_verification.summary().damaged)
        )
        lines.append(_line("ready", 1))
    except (*error_responses.DATABASE_ERRORS, StorageUnavailable):
        lines.append(_line("ready", 0))
    text = "".join(f"{line}\n" for line in lines)
    return HttpResponse(text, content_type=_PROMETHEUS)


def _response_lines() -> Iterator[str]:
    counts = list(request_metrics.all_counts())
    by_kind, by_result = Counter[str](), Counter[str]()
    for one in counts:
        by_kind[one.kind] += one.responses
        by_result[_RESULTS.get(one.status, "error")] += one.responses
    for kind, number in by_kind.items():
        yield _line("http_requests_total", number, type=kind)
    for result, number in by_result.items():
        yield _line("http_responses_total", number, result=result)
    for one in counts:
        labels = {"code": str(one.status or "other"), "type": one.kind}
        for name, total in (
            ("transfer_bytes", one.size_bytes),
            ("duration_milliseconds", round(one.seconds * 1000, 3)),
        ):
            yield _line(f"http_responses_{name}_count", one.responses, **labels)
            yield _line(f"http_responses_{name}_sum", total, **labels)


def _line(name: str, value: float, **labels: str) -> str:
    pairs = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name}{{{pairs}}} {value}" if pairs else f"{name} {value}"
