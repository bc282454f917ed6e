"""Lets one process of an installation at a time do what is done once in a while."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from symdepot.uploads.models import Sweep

LEASE = timedelta(minutes=10)
_HOLDER_BYTES = 8
_BEATS = 5


@contextmanager
def periodic_lock(
    name: str, *, every: timedelta
) -> Iterator[Callable[[], None] | None]:
    """Claim `name`, and let it be done when the block ends well; else another may.

    Lends what is to be called now and then, or None if there is nothing to do.
    """
    holder = acquire(name, every=every)
    if holder is None:
        yield None
        return
    try:
        yield _Renewal(name, holder).go_on
    except BaseException:
        release(name, holder)
        raise
    finish(name, holder)


def acquire(name: str, *, every: timedelta) -> str | None:
    """Return a holder for `name` if it is due and nobody is at it, else None.

    It is due `every` so long since it was last finished; in a new installation, since
    somebody first asked. Whoever holds it should `renew` well within `LEASE`, or
    another may take it.
    """
    now = timezone.now()
    Sweep.objects.get_or_create(name=name, defaults={"finished_at": now})
    free = Sweep.objects.filter(
        Q(lease_expires_at=None) | Q(lease_expires_at__lt=now),
        name=name,
        finished_at__lte=now - every,
    )
    if not free.exists():
        return None
    holder = secrets.token_hex(_HOLDER_BYTES)
    took = free.update(holder=holder, lease_expires_at=now + LEASE)
    return holder if took else None


def renew(name: str, holder: str) -> bool:
    """Say that the work goes on; return whether it is still `holder`'s to do."""
    own = Sweep.objects.filter(name=name, holder=holder)
    return bool(own.update(lease_expires_at=timezone.now() + LEASE))


def finish(name: str, holder: str) -> None:
    """Say that it is done, until it is due again."""
    own = Sweep.objects.filter(name=name, holder=holder)
    own.update(holder="", lease_expires_at=None, finished_at=timezone.now())


def release(name: str, holder: str) -> None:
    """Let another do it, since it could not be finished here."""
    own = Sweep.objects.filter(name=name, holder=holder)
    own.update(holder="", lease_expires_at=None)


class _Renewal:
    """Renews a claim, however often it is asked to, as often as is needed."""

    def __init__(self, name: str, holder: str) -> None:
        self._name = name
        self._holder = holder
        self._renewed_at = time.monotonic()

    def go_on(self) -> None:
        if time.monotonic() - self._renewed_at > LEASE.total_seconds() / _BEATS:
            renew(self._name, self._holder)
            self._renewed_at = time.monotonic()
