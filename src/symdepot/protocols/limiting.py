"""Lets nobody ask too often for what takes long."""

from django.conf import settings
from django.http import HttpRequest

from symdepot.projects.access import Bearer
from symdepot.projects.rate_limit import rates


def spend(request: HttpRequest, who: Bearer | None) -> None:
    """Count a request of whoever asks: by token or, without one, by address.

    Raises:
        RateExceeded: that was too often.
    """
    address = request.META.get("REMOTE_ADDR", "")
    asker = f"token {who.token.pk}" if who else f"address {address}"
    rates().spend(asker, a_minute=settings.SYMBOLICATIONS_PER_MINUTE)
