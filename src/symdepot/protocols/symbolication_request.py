"""Who asks for addresses to be looked up, where he may look, and what he sends.

Lets nobody ask too often for what takes long.
"""

from django.conf import settings
from django.db import close_old_connections
from django.http import HttpRequest, UnreadablePostError

from symdepot.domain.errors import BodyTooLarge, InvalidRequest
from symdepot.projects import access
from symdepot.projects.access import Caller
from symdepot.projects.rate_limit import rate_limiter
from symdepot.protocols import auth
from symdepot.symbolication.request import LookupScope


def caller_or_none(request: HttpRequest) -> Caller | None:
    """Return who asks, by header or by the token in the path; None is anybody.

    Raises:
        Unauthenticated: see `auth.reader`.
    """
    match = request.resolver_match
    return auth.reader(request, match.kwargs.get("token") if match else None)


def scope(request: HttpRequest, who: Caller | None) -> LookupScope:
    """Return where files are looked for: in all that may be read.

    Raises:
        NotAllowed: see `reading.readable`.
    """
    by = auth.actor(request, who) if who else ""
    return LookupScope(
        access.readable_projects(who), access.sole_project(who) if who else None, by
    )


def body(request: HttpRequest, *, limit_bytes: int) -> bytes:
    """Return the body of `request`.

    Raises:
        BodyTooLarge: it is larger than any that is read.
        InvalidRequest: it is not whole.
    """
    limit_bytes = min(limit_bytes, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not announced.isdecimal() or int(announced) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    close_old_connections()  # a slow client must not keep one while it sends
    try:
        return request.body
    except UnreadablePostError as error:
        raise InvalidRequest("Incomplete body") from error


def consume_rate(request: HttpRequest, who: Caller | None) -> None:
    """Count a request of whoever asks: by token or, without one, by address.

    Raises:
        RateExceeded: that was too often.
    """
    address = request.META.get("REMOTE_ADDR", "")
    asker = f"token {who.token.pk}" if who else f"address {address}"
    rate_limiter().spend(asker, a_minute=settings.SYMBOLICATIONS_PER_MINUTE)
