"""Answers that a page of any origin may read.

Source: spec/serving 5.1; fetch.spec.whatwg.org, "CORS protocol".
"""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from pydantic_core import to_json

METHODS = "POST, OPTIONS"
_DAY_SECONDS = "86400"


def told(content: object, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    """Return an answer of JSON."""
    return _open(
        HttpResponse(to_json(content), content_type="application/json", status=status)
    )


def allowed(request: HttpRequest) -> HttpResponse:
    """Return the answer to a browser that asks whether a page may ask.

    It may send any header: a star would leave out the one that carries the token, and
    the Firefox Profiler sends a User-Agent of its own.
    """
    answer = _open(HttpResponse(content_type="text/plain"))
    answer["Allow"] = answer["Access-Control-Allow-Methods"] = METHODS
    asked = request.headers.get("Access-Control-Request-Headers")
    if asked:
        answer["Access-Control-Allow-Headers"] = asked
    answer["Access-Control-Max-Age"] = _DAY_SECONDS
    answer["Vary"] = "Access-Control-Request-Headers"
    return answer


def _open(answer: HttpResponse) -> HttpResponse:
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Access-Control-Expose-Headers"] = "Retry-After"
    return answer
