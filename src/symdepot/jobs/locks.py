"""Locks: of periodic jobs, which one process at a time runs, and of rows, briefly."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from symdepot.jobs import leases
from symdepot.jobs.models import PeriodicLock

LEASE = timedelta(minutes=10)
_LOCK_TIMEOUT_MILLISECONDS = 100


@contextmanager
def periodic_lock(
    name: str, *, every: timedelta
) -> Iterator[Callable[[], None] | None]:
    """Acquire the lock for the block. Yields a function that the block calls often.

    It renews the lease when needed. Yields None if the job is not due, or if another
    process runs it. An exception releases the lock, and the job stays due.
    """
    holder = acquire(name, every=every)
    if holder is None:
        yield None
        return
    renewed_at = time.monotonic()

    def renew_if_needed() -> None:
        nonlocal renewed_at
        now = time.monotonic()
        if now - renewed_at > LEASE.total_seconds() / 5:
            renew(name, holder)
            renewed_at = now

    try:
        yield renew_if_needed
    except BaseException:
        release(name, holder)
        raise
    finish(name, holder)


@contextmanager
def brief_transaction() -> Iterator[None]:
    """Run a transaction that waits 0.1 s at most for a lock.

    Raises:
        DatabaseError: the lock was not free.
    """
    with _short_busy_timeout(), transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MILLISECONDS}")
        yield


def acquire(name: str, *, every: timedelta) -> str | None:
    """Return a lease holder for the job `name`. None: not due, or another runs it.

    A job is due when `every` has passed since it finished, or in a new installation
    since it was first requested here. `renew` the lease well within `LEASE`.
    """
    now = timezone.now()
    PeriodicLock.objects.get_or_create(name=name, defaults={"finished_at": now})
    free = PeriodicLock.objects.filter(
        Q(lease_expires_at=None) | Q(lease_expires_at__lt=now),
        name=name,
        finished_at__lte=now - every,
    )
    if not free.exists():
        return None
    holder = secrets.token_hex(leases.HOLDER_BYTES)
    is_acquired = free.update(holder=holder, lease_expires_at=now + LEASE)
    return holder if is_acquired else None


def renew(name: str, holder: str) -> bool:
    """Extend the lease. False: another process has the lock by now."""
    return bool(_own(name, holder).update(lease_expires_at=timezone.now() + LEASE))


def finish(name: str, holder: str) -> None:
    """Release the lock. The job is due again later."""
    now = timezone.now()
    _own(name, holder).update(holder="", lease_expires_at=None, finished_at=now)


def release(name: str, holder: str) -> None:
    """Release the lock of a job that did not finish. It stays due."""
    _own(name, holder).update(holder="", lease_expires_at=None)


@contextmanager
def _short_busy_timeout() -> Iterator[None]:
    """Make SQLite report soon that it is busy; no effect on other databases."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        before = int(cursor.fetchone()[0])
        cursor.execute(f"PRAGMA busy_timeout = {_LOCK_TIMEOUT_MILLISECONDS}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {before}")


def _own(name: str, holder: str) -> QuerySet[PeriodicLock]:
    return PeriodicLock.objects.filter(name=name, holder=holder)
