"""Adds `Content-Length` to responses that are in memory.

Without it, clients cannot recognize a response that was cut short by a proxy.
"""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
"""Source: RFC 9110 8.6."""


def middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Return a Django middleware; it leaves streamed responses as they are."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if isinstance(response, HttpResponse) and _has_known_length(request, response):
            response.setdefault("Content-Length", str(len(response.content)))
        return response

    return respond


def _has_known_length(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether the content is the body: not if a proxy adds it, or for `HEAD`."""
    is_elsewhere = "X-Accel-Redirect" in response or request.method == "HEAD"
    return not is_elsewhere and response.status_code not in _WITHOUT_BODY
