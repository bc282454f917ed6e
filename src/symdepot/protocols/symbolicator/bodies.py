"""Bodies of requests, and who sends them."""

from django.core.exceptions import RequestDataTooBig
from django.db import close_old_connections
from django.http import HttpRequest, UnreadablePostError

from symdepot.domain.errors import BodyTooLarge, InvalidRequest
from symdepot.projects import reading
from symdepot.projects.access import Bearer
from symdepot.protocols import auth
from symdepot.symbolication.request import Scope

LIMIT_BYTES = 55 << 20
"""Source: spec/serving 4.5."""
_MOST_PARTS = 2_000_000
"""How many commas a body may have: what stands between them takes up to 100 times as
much memory as it has bytes, and a question with 100,000 frames has half as many.
"""


def body(request: HttpRequest) -> bytes:
    """Return the body of `request`.

    Raises:
        BodyTooLarge: it is larger than any that is read.
        InvalidRequest: it is not whole, or in too many parts.
    """
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not announced.isdecimal() or int(announced) > LIMIT_BYTES:
        raise BodyTooLarge(LIMIT_BYTES)
    content = _read(request)
    if content.count(b",") > _MOST_PARTS:
        raise InvalidRequest(f"The body may have {_MOST_PARTS} parts.")
    return content


def asker(request: HttpRequest) -> Bearer | None:
    """Return who asks, by header or by the token in the path; None is anybody.

    Raises:
        Unauthenticated: see `auth.reader`.
    """
    match = request.resolver_match
    return auth.reader(request, match.kwargs.get("token") if match else None)


def scope(request: HttpRequest, who: Bearer | None) -> Scope:
    """Return where files are looked for: in all that may be read.

    Raises:
        NotAllowed: see `reading.readable`.
    """
    by = auth.asker(request, who) if who else ""
    return Scope(reading.readable(who), reading.sole(who) if who else None, by)


def _read(request: HttpRequest) -> bytes:
    close_old_connections()  # a slow client must not keep one while it sends
    try:
        return request.body
    except RequestDataTooBig:
        raise BodyTooLarge(LIMIT_BYTES) from None
    except UnreadablePostError as error:
        raise InvalidRequest("Incomplete body") from error
