"""What debuginfod tells of itself and of what it has: /, /metadata and /metrics.

Source: spec/serving 1.1, 1.4 and 1.5.
"""

import importlib.metadata
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse

from symdepot.debugfiles import file_counts, name_search
from symdepot.debugfiles.name_search import SearchKey
from symdepot.domain.errors import InvalidRequest
from symdepot.domain.symbol_paths import path_parser
from symdepot.projects import access
from symdepot.protocols import auth, error_responses, request_metrics, text_views
from symdepot.protocols.debuginfod.errors import ERRORS

_VERSION = importlib.metadata.version("symdepot")
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
"""Source: Prometheus, "Exposition formats"."""


@text_views.text_view(ERRORS, lambda _: "/")
def about(request: HttpRequest, token: str | None = None) -> HttpResponse:
    """Say what answers here."""
    return text_views.text_response(
        f"debuginfod (symdepot) {_VERSION}\n"
        "A server for debug information files: debuginfod, SymSrv, SSQP, Breakpad, and "
        "uploads by sentry-cli.\n",
        HTTPStatus.OK,
    )


@text_views.text_view(ERRORS, lambda _: "metadata")
def metadata(request: HttpRequest, token: str | None = None) -> HttpResponse:
    """List the files of a build id, a name, or a pattern of names, that may be read."""
    named, value = (request.GET.get(name, "") for name in ("key", "value"))
    if not named or not value:
        raise InvalidRequest("/metadata needs a key and a value.")
    if named not in set(SearchKey):
        raise InvalidRequest(f"unsupported key; these are: {', '.join(SearchKey)}")
    key = SearchKey(named)
    if key is SearchKey.BUILD_ID and not path_parser.is_build_id(value):
        raise InvalidRequest("A build id is an even number of digits 0-9 and a-f.")
    who = auth.reader(request, token)
    found = name_search.search(access.readable_projects(who), key, value)
    results = [
        {"type": one.role.value, "buildid": one.build_id, "file": one.name}
        for one in found.files
    ]
    return JsonResponse({"results": results, "complete": found.is_complete})


@text_views.text_view(ERRORS, lambda _: "metrics")
def metrics(request: HttpRequest, token: str | None = None) -> HttpResponse:
    """Say what was answered so far on this machine, and how much there is to read."""
    who = auth.reader(request, token)
    lines = list(_answered())
    try:
        kept = file_counts.count_by_role(access.readable_projects(who))
        lines += (
            _line(f"found_{role}_total", number, source="file")
            for role, number in kept.items()
        )
        lines.append(_line("ready", 1))
    except error_responses.DATABASE_ERRORS:
        lines.append(_line("ready", 0))
    text = "".join(f"{line}\n" for line in lines)
    return HttpResponse(text, content_type=_PROMETHEUS)


def _answered() -> Iterator[str]:
    """Return the lines about answers, by what was asked for and by what came of it."""
    counts = list(request_metrics.all_counts())
    asked, came = Counter[str](), Counter[str]()
    for one in counts:
        asked[one.kind] += one.answers
        came[_RESULTS.get(one.status, "error")] += one.answers
    for kind, number in asked.items():
        yield _line("http_requests_total", number, type=kind)
    for result, number in came.items():
        yield _line("http_responses_total", number, result=result)
    for one in counts:
        of = {"code": str(one.status or "other"), "type": one.kind}
        for name, total in (
            ("transfer_bytes", one.size_bytes),
            ("duration_milliseconds", round(one.seconds * 1000, 3)),
        ):
            yield _line(f"http_responses_{name}_count", one.answers, **of)
            yield _line(f"http_responses_{name}_sum", total, **of)


def _line(name: str, value: float, **labels: str) -> str:
    of = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name}{{{of}}} {value}" if of else f"{name} {value}"


_RESULTS: dict[int, str] = {
    HTTPStatus.OK: "file",
    HTTPStatus.PARTIAL_CONTENT: "file",
    HTTPStatus.FOUND: "redirect",
    HTTPStatus.NOT_MODIFIED: "unmodified",
}
"""All else is an error, as the reference has it."""
