"""State of uploads: the only writer of `Assembly` rows.

`not_found` (waits for chunks) → `created` (queued) → `assembling` (leased to a worker)
→ `ok` or `error`. `jobs.leases` describes the two in the middle. Functions that change
leased rows raise `LeaseLost`; see `leases.update_leased`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

from django.db import models
from django.utils import timezone

from symdepot.domain.ids import Checksum, DebugId
from symdepot.jobs import leases
from symdepot.projects.models import Project
from symdepot.uploads.models import Assembly, AwaitedChunk, State

_LOCK_ORDER = ("checksum", "pk")
"""Transactions that lock several rows do so in this order, to avoid deadlocks."""
_ROWS_PER_STATEMENT = 5000
_MAX_REQUEUED = 500
"""Every poll of a client requeues, too, and must not take long."""


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """A file as a client describes it: checksum, name, and chunks in order.

    `offered_by` is the actor, for the audit log. `is_confined`: its token is for the
    project alone, and has to have sent the chunks for it.
    """

    checksum: Checksum
    name: str
    chunks: tuple[Checksum, ...]
    debug_id: DebugId | None = None
    offered_by: str = ""
    is_confined: bool = False


def rows_by_checksum(
    project: Project, checksums: Iterable[Checksum]
) -> dict[Checksum, Assembly]:
    """Return the assemblies of these files, where there are any."""
    rows = Assembly.objects.of(project, [c.hex for c in checksums])
    return {Checksum(row.checksum): row for row in rows}


def finished(project: Project, checksums: Iterable[Checksum]) -> set[Checksum]:
    """Return those of these files that are neither queued nor in work."""
    rows = Assembly.objects.of(project, [c.hex for c in checksums])
    at_rest = rows.exclude(state__in=(State.CREATED, State.ASSEMBLING))
    return {Checksum(c) for c in at_rest.values_list("checksum", flat=True)}


def matches_request(request: UploadRequest, row: Assembly) -> bool:
    """Whether `row` was made for the same name, debug id, chunks and kind of token."""
    listed = [c.hex for c in request.chunks]
    requested = (request.name, str(request.debug_id or ""), listed, request.is_confined)
    return requested == (row.name, row.debug_id, row.chunks, row.is_confined)


def lock_rows(
    project: Project, requests: Sequence[UploadRequest]
) -> dict[Checksum, Assembly]:
    """Lock the rows of `requests` until the transaction ends. Create missing ones.

    A new row waits for its chunks.
    """
    rows = _lock(project, requests)
    new = [request for request in requests if request.checksum not in rows]
    if new:
        Assembly.objects.bulk_create(
            [_new_row(project.pk, r) for r in sorted(new, key=lambda r: r.checksum)],
            ignore_conflicts=True,
        )
        rows = _lock(project, requests)
        _insert_awaited({request: rows[request.checksum] for request in new})
    return rows


def await_chunks(rows: Mapping[UploadRequest, Assembly]) -> None:
    """Make these rows wait for the chunks that their requests name now."""
    stale = {
        request: row
        for request, row in rows.items()
        if row.state != State.NOT_FOUND or not matches_request(request, row)
    }
    if stale:
        Assembly.objects.bulk_create(
            [_new_row(row.project_id, request) for request, row in stale.items()],
            update_conflicts=True,
            unique_fields=["project", "checksum"],
            update_fields=_RESET_FIELDS,
        )
        AwaitedChunk.objects.filter(assembly__in=list(stale.values())).delete()
        _insert_awaited(stale)


def queue(rows: Mapping[UploadRequest, Assembly]) -> list[int]:
    """Make these rows queued. Return their ids, to enqueue tasks for.

    Their chunks stay awaited, so that they are not freed, until the files are finished.
    """
    await_chunks(rows)
    ids = [row.pk for row in rows.values()]
    for some in batched(ids, _ROWS_PER_STATEMENT):
        _set_queued(Assembly.objects.filter(pk__in=some))
    return ids


def queue_completed(assemblies: Iterable[int]) -> list[int]:
    """Make those of these rows queued that wait for chunks. Return their ids.

    For rows whose last chunks have arrived.
    """
    waiting = Assembly.objects.filter(pk__in=list(assemblies), state=State.NOT_FOUND)
    locked = waiting.select_for_update().order_by(*_LOCK_ORDER)
    ids = list(locked.values_list("pk", flat=True))
    _set_queued(Assembly.objects.filter(pk__in=ids))
    return ids


def claim(assembly_id: int) -> Assembly | None:
    """Lease a queued assembly. None: there is nothing to do; see `leases.claim`."""
    rows = Assembly.objects.select_related("project__organization")
    return leases.claim(rows, assembly_id)


def finish(row: Assembly) -> None:
    """Make a leased row `ok`."""
    _end(row, state=State.OK, detail="")


def fail(row: Assembly, detail: str, *, retryable: bool) -> None:
    """Make a leased row `error`. Not `retryable`: the same chunks fail again."""
    _end(row, state=State.ERROR, detail=detail, retryable=retryable)


def retry_later(row: Assembly, detail: str) -> None:
    """Queue a leased row again after a pause; after its last attempt, let it fail."""
    if not leases.retry_later(row):
        fail(row, detail, retryable=True)


def abandoned(*, is_queue_empty: bool) -> models.QuerySet[Assembly]:
    """Select the rows whose worker was killed or whose task was lost.

    Tasks run in the order of the queue. So unless `is_queue_empty`, those of queued rows
    are not lost as long as no row that was queued later is in work.
    """
    rows = Assembly.objects.abandoned()
    in_work = Assembly.objects.filter(
        state=State.ASSEMBLING, lease_expires_at__gt=timezone.now()
    )
    newest = in_work.aggregate(queued_at=models.Max("updated_at"))["queued_at"]
    if is_queue_empty or newest is None:
        return rows
    # A row that had an attempt waits for the end of its pause, and has no task.
    return rows.exclude(state=State.CREATED, attempts=0, updated_at__gte=newest)


def requeue(abandoned: models.QuerySet[Assembly]) -> list[int]:
    """Queue some of these rows again. Return their ids, to enqueue tasks for."""
    rows = abandoned.order_by(*_LOCK_ORDER)[:_MAX_REQUEUED]
    return [row.pk for row in leases.requeue_abandoned(rows, _failed_fields)]


def _failed_fields(_: Assembly, detail: str) -> dict[str, object]:
    return {
        "state": State.ERROR,
        "detail": detail,
        "retryable": True,
        "lease_expires_at": None,
        "updated_at": timezone.now(),
    }


def _lock(
    project: Project, requests: Sequence[UploadRequest]
) -> dict[Checksum, Assembly]:
    rows = Assembly.objects.of(project, [request.checksum.hex for request in requests])
    locked = rows.select_for_update().order_by(*_LOCK_ORDER)
    return {Checksum(row.checksum): row for row in locked}


def _new_row(project_id: int, request: UploadRequest) -> Assembly:
    """Return an unsaved row that waits for the chunks of `request`."""
    return Assembly(
        project_id=project_id,
        checksum=request.checksum.hex,
        name=request.name,
        debug_id=str(request.debug_id or ""),
        offered_by=request.offered_by,
        chunks=[c.hex for c in request.chunks],
        is_confined=request.is_confined,
        state=State.NOT_FOUND,
        updated_at=timezone.now(),
    )


def _insert_awaited(rows: Mapping[UploadRequest, Assembly]) -> None:
    AwaitedChunk.objects.bulk_create(
        [
            AwaitedChunk(assembly=row, checksum=chunk.hex)
            for request, row in rows.items()
            for chunk in dict.fromkeys(request.chunks)
        ],
        ignore_conflicts=True,
    )


def _set_queued(rows: models.QuerySet[Assembly]) -> None:
    now = timezone.now()
    rows.update(
        state=State.CREATED, lease_expires_at=leases.queued_until(now), updated_at=now
    )


def _end(row: Assembly, **fields: object) -> None:
    now = timezone.now()
    leases.update_leased(row, lease_expires_at=None, updated_at=now, **fields)
    AwaitedChunk.objects.filter(assembly=row).delete()


_RESET_FIELDS = [
    "name",
    "debug_id",
    "offered_by",
    "chunks",
    "is_confined",
    "state",
    "detail",
    "retryable",
    "attempts",
    "lease_holder",
    "lease_expires_at",
    "updated_at",
]
