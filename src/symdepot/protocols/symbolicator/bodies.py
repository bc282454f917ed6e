"""Bodies of requests, and who sends them."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError

from symdepot.domain.errors import BodyTooLarge, InvalidRequest
from symdepot.projects import reading
from symdepot.projects.access import Bearer
from symdepot.protocols import auth
from symdepot.symbolication.request import Scope

LIMIT_BYTES = 55 << 20
"""Source: spec/serving 4.5."""


def body(request: HttpRequest) -> bytes:
    """Return the body of `request`.

    Raises:
        BodyTooLarge: it is larger than any that is read.
        InvalidRequest: it is not whole.
    """
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not announced.isdecimal() or int(announced) > LIMIT_BYTES:
        raise BodyTooLarge(LIMIT_BYTES)
    try:
        return request.body
    except RequestDataTooBig:
        raise BodyTooLarge(LIMIT_BYTES) from None
    except UnreadablePostError as error:
        raise InvalidRequest("Incomplete body") from error


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
