"""What requests for symbolication share: the caller, its scope and rate limit."""

from django.conf import settings
from django.http import HttpRequest

from symdepot.blobs.configured import blob_store
from symdepot.projects import access
from symdepot.projects.access import Caller
from symdepot.projects.rate_limit import rate_limiter
from symdepot.protocols import auth
from symdepot.symbolication.request import LookupScope


def limited_caller(request: HttpRequest) -> Caller | None:
    """Return the caller by the token in a header or in the path; None without a token.

    Raises:
        Unauthenticated: an invalid token.
        RateExceeded: too many requests.
        WrongStore: the storage is not the one of the database.
    """
    blob_store().require_known()
    match = request.resolver_match
    caller = auth.caller_or_none(request, match.kwargs.get("token") if match else None)
    consume_rate(request, caller)
    return caller


def scope(request: HttpRequest, caller: Caller | None) -> LookupScope:
    """Return where to look for files: in all projects that the caller may read.

    Raises:
        NotAllowed: the token may not download.
    """
    readable = access.read_scope(caller)
    if caller is None:
        return LookupScope(readable, None, "")
    return LookupScope(readable, caller.sole_project(), auth.actor(request, caller))


def consume_rate(request: HttpRequest, caller: Caller | None) -> None:
    """Count a request against the rate limit of the token or, without one, the address.

    Raises:
        RateExceeded: too many requests.
    """
    address = request.META.get("REMOTE_ADDR", "")
    key = f"token {caller.token.pk}" if caller else f"address {address}"
    rate_limiter().consume(key, per_minute=settings.SYMBOLICATIONS_PER_MINUTE)
