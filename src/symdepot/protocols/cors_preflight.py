"""Responses to CORS preflight requests, which browsers send for pages of other origins."""

from django.http import HttpRequest, HttpResponse

_DAY_SECONDS = "86400"


def preflight(request: HttpRequest, methods: str) -> HttpResponse:
    """Return the response to a CORS preflight request; all headers are allowed.

    `*` would not cover `Authorization`. The Firefox Profiler sends its own `User-Agent`.

    Source: fetch.spec.whatwg.org, "CORS protocol".
    """
    headers = {
        "Allow": methods,
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Max-Age": _DAY_SECONDS,
        "Vary": "Access-Control-Request-Headers",
    }
    if requested := request.headers.get("Access-Control-Request-Headers"):
        headers["Access-Control-Allow-Headers"] = requested
    return HttpResponse(content_type="text/plain", headers=headers)
