"""How long work is lent to whoever does it, and from when on silence means nobody does.

The same for all rows that carry work. A row says who holds it and until when; a change
to it counts only while it says so.
"""

import secrets
from datetime import datetime, timedelta

from django.conf import settings

_HOLDER_BYTES = 8


def new_holder() -> str:
    """Return a name that no other holder has."""
    return secrets.token_hex(_HOLDER_BYTES)


def leased_until(now: datetime) -> datetime:
    """Until when work that is taken up or goes on now is not given to another."""
    return now + timedelta(seconds=settings.LEASE_SECONDS)


def queued_until(now: datetime) -> datetime:
    """Until when work that is queued now is not thought lost.

    A queue may be long, so that is later than for work in hand.
    """
    return now + 2 * timedelta(seconds=settings.LEASE_SECONDS)


def requeued_until(now: datetime, *, since: datetime) -> datetime:
    """Until when work is not thought lost that was queued `since`, and is again now.

    It waits as long again as it has waited, so that a long queue is not made longer.
    """
    return max(queued_until(now), now + (now - since))


def resting_until(now: datetime, *, attempts: int) -> datetime:
    """Until when work rests that failed now, for so many times, for our own reasons."""
    return now + timedelta(seconds=2**attempts)
