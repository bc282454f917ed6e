"""Leases: the right of one worker to work on a row until a time.

A file to assemble and a symcache to create are rows (`LeasedRow`). A row is *queued*,
*in work* or at rest (finished or failed, `lease_expires_at` is null). For files to
assemble, the queue of tasks carries row ids. It may lose a task or deliver it twice; the
lease decides whether there is work to do. Symcaches have no tasks; workers claim their
rows in order of priority (`symcaches.lifecycle`).

1. **Queue.** The row becomes queued. For a file, a task with its id is enqueued, and
   `lease_expires_at` is the time from which the task counts as lost. For a symcache it is
   the time from which the row may be claimed.
2. **Claim.** A worker calls `claim`: one UPDATE, which only succeeds if the row is
   queued, or in work under a lease that has expired. The row gets a random
   `lease_holder` and counts one more attempt.
3. **Renew.** While the worker works, a thread (`jobs.heartbeat`) calls `renew` three
   times in the duration of a lease, `settings.LEASE_SECONDS`.
4. **Finish.** The worker writes its result with `update_leased`, in the transaction that
   makes the result visible. That UPDATE only succeeds if the row is still in work under
   the same holder. Otherwise it raises `LeaseLost`, and the transaction is rolled back:
   a worker that was slow, not dead, cannot damage the result of its successor.
5. **Retry.** After a temporary error `retry_later` queues the row again, with a pause
   that doubles with each attempt.
6. **Requeue.** A row whose lease has expired is *abandoned*: its worker was killed, or
   its task was lost; a task whose turn has not come is not lost. Every worker looks for such rows every few seconds, and so does
   each poll of a client. `requeue_abandoned` queues them again, or gives up after
   `settings.MAX_ATTEMPTS` workers that died. An abandoned symcache can be claimed at
   once.

So work is done at least once, and takes effect once. Expiry is compared with the clock of
the process; a clock that is wrong by less than a lease only causes double work.

Two kinds of rows have leases without being a `LeasedRow`: `jobs.locks` have no queue, and
webhooks (`projects.webhooks`) use the end of the lease as its holder.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from symdepot.domain.errors import LeaseLost

GAVE_UP = "Gave up after {} attempts: each ended the worker that made it."
HOLDER_BYTES = 8
_GIVEN_BACK_FOR = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class WorkStates:
    """Name of the column with a row's state, and the two values that leases set."""

    field: str
    queued: str
    in_work: str


class LeasedQuerySet[Row: "LeasedRow"](models.QuerySet[Row]):
    """Rows that workers lease."""

    def abandoned(self) -> "LeasedQuerySet[Row]":
        """Rows that are queued or in work, and whose lease has expired."""
        states = self.model.WORK_STATES
        return self.filter(
            (f"{states.field}__in", (states.queued, states.in_work)),
            lease_expires_at__lte=timezone.now(),
        )


class LeasedRow(models.Model):
    """A row that stands for work. See the module's description."""

    attempts = models.PositiveIntegerField(default=0)
    lease_holder = models.CharField(max_length=32, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    WORK_STATES: ClassVar[WorkStates]

    class Meta:
        abstract = True


def claim[Row: LeasedRow](rows: LeasedQuerySet[Row], pk: int) -> Row | None:
    """Lease the row `pk` of `rows`. None: it is at rest, or another worker has it."""
    now = timezone.now()
    states = rows.model.WORK_STATES
    claimable = rows.filter(
        Q((states.field, states.queued))
        | Q((states.field, states.in_work), lease_expires_at__lte=now),
        pk=pk,
    )
    is_claimed = claimable.update(
        **{states.field: states.in_work},
        attempts=F("attempts") + 1,
        lease_holder=secrets.token_hex(HOLDER_BYTES),
        lease_expires_at=_leased_until(now),
    )
    return rows.filter(pk=pk).first() if is_claimed else None


def renew(row: LeasedRow) -> None:
    """Extend the lease of a row, or raise `LeaseLost`."""
    update_leased(row, lease_expires_at=_leased_until(timezone.now()))


def update_leased(row: LeasedRow, **fields: object) -> None:
    """Change columns of a row under its lease.

    Raises:
        LeaseLost: the lease has ended. The transaction must not be committed.
    """
    states = row.WORK_STATES
    in_work = {states.field: states.in_work, "lease_holder": row.lease_holder}
    if not _only(row).filter(**in_work).update(**fields):
        raise LeaseLost


def retry_later(row: LeasedRow, **fields: object) -> bool:
    """Queue a row again after a pause. False: it has had its last attempt.

    `fields` are further columns to change. Raises `LeaseLost`.
    """
    if row.attempts >= settings.MAX_ATTEMPTS:
        return False
    states = row.WORK_STATES
    pause = timedelta(seconds=2**row.attempts)
    queued = {states.field: states.queued, "lease_holder": ""}
    update_leased(row, **queued, lease_expires_at=timezone.now() + pause, **fields)
    return True


def give_back(row: LeasedRow) -> None:
    """Queue a row again after a pause, as if it had not been claimed.

    Raises:
        LeaseLost: the lease has ended.
    """
    states = row.WORK_STATES
    queued = {states.field: states.queued, "lease_holder": ""}
    now = timezone.now()
    update_leased(
        row,
        **queued,
        attempts=F("attempts") - 1,
        lease_expires_at=now + _GIVEN_BACK_FOR,
        updated_at=now,
    )


def requeue_abandoned[Row: LeasedRow](
    rows: Iterable[Row], failed_fields: Callable[[Row, str], Mapping[str, object]]
) -> list[Row]:
    """Queue abandoned rows again. Return the rows to enqueue tasks for.

    A row that ended its last worker is given `failed_fields`: columns and values,
    computed from the row and an error text.

    Rows that another process requeues at the same time are left out. A queued row is
    returned once a lease, and less often the longer it has been queued.
    """
    now = timezone.now()
    requeued = []
    for row in rows:
        states = row.WORK_STATES
        same = _only(row).abandoned()
        is_in_work = getattr(row, states.field) == states.in_work
        if is_in_work and row.attempts >= settings.MAX_ATTEMPTS:
            same.update(**failed_fields(row, GAVE_UP.format(row.attempts)))
        elif same.update(
            **{states.field: states.queued},
            lease_holder="",
            # Doubles the time in the queue, so that a long queue is not made longer.
            lease_expires_at=max(queued_until(now), now + (now - row.updated_at)),
        ):
            requeued.append(row)
    return requeued


def _leased_until(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.LEASE_SECONDS)


def queued_until(now: datetime) -> datetime:
    """Time from which work queued `now` counts as lost: two leases, for a long queue."""
    return now + 2 * timedelta(seconds=settings.LEASE_SECONDS)


def _only[Row: LeasedRow](row: Row) -> LeasedQuerySet[Row]:
    rows: LeasedQuerySet[Row] = LeasedQuerySet(type(row))
    return rows.filter(pk=row.pk)
