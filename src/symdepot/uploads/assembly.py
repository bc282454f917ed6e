"""How far each upload has come. The one writer of an assembly's state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from symdepot.domain.errors import LeaseLost
from symdepot.domain.ids import Checksum, DebugId
from symdepot.jobs import leases
from symdepot.projects.models import Project
from symdepot.uploads.models import (
    Assembly,
    AwaitedChunk,
    State,
)

_GIVEN_UP = "Gave up after {} attempts: each ended the worker that made it."
_LOCKED_IN_ORDER = ("checksum", "pk")
"""All who lock several rows do so in this order, or they could wait for each other."""
_ROWS_A_STATEMENT = 5000


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """A file as a client describes it: what it hashes to, and what it is made of.

    `offered_by` says who, for the audit.
    """

    checksum: Checksum
    name: str
    chunks: tuple[Checksum, ...]
    debug_id: DebugId | None = None
    offered_by: str = ""


def rows_by_checksum(
    project: Project, checksums: Iterable[Checksum]
) -> dict[Checksum, Assembly]:
    """Return how far each of these files has come, where anything is known."""
    rows = Assembly.objects.of(project, [c.hex for c in checksums])
    return {Checksum(row.checksum): row for row in rows}


def finished(project: Project, checksums: Iterable[Checksum]) -> set[Checksum]:
    """Return those of these files that nobody works on or will."""
    rows = Assembly.objects.of(project, [c.hex for c in checksums])
    at_rest = rows.exclude(state__in=(State.CREATED, State.ASSEMBLING))
    return {Checksum(c) for c in at_rest.values_list("checksum", flat=True)}


def lock_rows(
    project: Project, offers: Sequence[UploadRequest]
) -> dict[Checksum, Assembly]:
    """Make the rows of `offers` if need be, and lock them until the transaction ends.

    Of several that offer the same file at once, each sees what the one before it did.
    A new row waits for its chunks.
    """
    held = _lock(project, offers)
    new = [offer for offer in offers if offer.checksum not in held]
    if new:
        Assembly.objects.bulk_create(
            [_described(project.pk, o) for o in sorted(new, key=_checksum)],
            ignore_conflicts=True,
        )
        held = _lock(project, offers)
        _await({offer: held[offer.checksum] for offer in new})
    return held


def await_chunks(held: Mapping[UploadRequest, Assembly]) -> None:
    """Let these files, as they are offered now, wait for chunks."""
    stale = {o: row for o, row in held.items() if not _is_described(row, o)}
    if stale:
        Assembly.objects.bulk_create(
            [_described(row.project_id, offer) for offer, row in stale.items()],
            update_conflicts=True,
            unique_fields=["project", "checksum"],
            update_fields=_DESCRIPTION,
        )
        AwaitedChunk.objects.filter(assembly__in=list(stale.values())).delete()
        _await(stale)


def queue(held: Mapping[UploadRequest, Assembly]) -> list[int]:
    """Let these files wait for a worker; return their ids, for the queue.

    Their chunks stay awaited, that is kept, until they are finished.
    """
    await_chunks(held)
    ids = [row.pk for row in held.values()]
    now = timezone.now()
    for some in batched(ids, _ROWS_A_STATEMENT):
        Assembly.objects.filter(pk__in=some).update(
            state=State.CREATED,
            lease_expires_at=leases.queued_until(now),
            updated_at=now,
        )
    return ids


def queue_completed(assemblies: Iterable[int]) -> list[int]:
    """Queue those of `assemblies` that still wait for chunks; return which.

    To be called when their last chunks have arrived.
    """
    now = timezone.now()
    waiting = Assembly.objects.filter(pk__in=list(assemblies), state=State.NOT_FOUND)
    locked = waiting.select_for_update().order_by(*_LOCKED_IN_ORDER)
    ids = list(locked.values_list("pk", flat=True))
    Assembly.objects.filter(pk__in=ids).update(
        state=State.CREATED, lease_expires_at=leases.queued_until(now), updated_at=now
    )
    return ids


def matches_request(offer: UploadRequest, row: Assembly) -> bool:
    """Whether `row` stands for just what `offer` says, not only for the same file."""
    said = (offer.name, str(offer.debug_id or ""), [c.hex for c in offer.chunks])
    return said == (row.name, row.debug_id, row.chunks)


def claim(assembly_id: int) -> Assembly | None:
    """Take up a queued assembly under a lease; None if there is nothing to do."""
    now = timezone.now()
    taken = Assembly.objects.claimable(now).filter(pk=assembly_id)
    if not taken.update(
        state=State.ASSEMBLING,
        attempts=F("attempts") + 1,
        lease_holder=leases.new_holder(),
        lease_expires_at=leases.leased_until(now),
    ):
        return None
    return Assembly.objects.select_related("project__organization").get(pk=assembly_id)


def renew(held: Assembly) -> None:
    """Say that the work on `held` goes on.

    Raises:
        LeaseLost: somebody else does it by now.
    """
    _change(held, lease_expires_at=leases.leased_until(timezone.now()))


def finish(held: Assembly) -> None:
    """Let `held` be `ok`.

    Raises:
        LeaseLost: see `renew`; the transaction should not be committed.
    """
    _rest(held, state=State.OK, detail="")
    AwaitedChunk.objects.filter(assembly=held).delete()


def fail(held: Assembly, detail: str, *, retryable: bool) -> None:
    """Let `held` be an error; one not `retryable` stays so for the same chunks.

    Raises:
        LeaseLost: see `renew`.
    """
    _rest(held, state=State.ERROR, detail=detail, retryable=retryable)
    AwaitedChunk.objects.filter(assembly=held).delete()


def retry_later(held: Assembly, detail: str) -> None:
    """Let `held` be tried again in a while; after too many attempts it is an error.

    Raises:
        LeaseLost: see `renew`.
    """
    if held.attempts >= settings.MAX_ATTEMPTS:
        fail(held, detail, retryable=True)
        return
    _change(
        held,
        state=State.CREATED,
        lease_holder="",
        lease_expires_at=leases.resting_until(timezone.now(), attempts=held.attempts),
    )


def any_abandoned() -> bool:
    """Whether there is anything that somebody should be working on and nobody is."""
    return Assembly.objects.abandoned(timezone.now()).exists()


def requeue_abandoned() -> list[int]:
    """Return, for the queue, the ids of assemblies that nobody works on any more.

    Each is returned once a lease: a queued one waits longer before it is returned
    again, the longer it has been queued, so that a long queue is not made longer.
    """
    now = timezone.now()
    ids = []
    for row in Assembly.objects.abandoned(now).order_by(*_LOCKED_IN_ORDER):
        same = Assembly.objects.abandoned(now).filter(pk=row.pk)
        if row.state == State.ASSEMBLING and row.attempts >= settings.MAX_ATTEMPTS:
            same.update(
                state=State.ERROR,
                detail=_GIVEN_UP.format(row.attempts),
                retryable=True,
                lease_expires_at=None,
                updated_at=now,
            )
        elif same.update(
            state=State.CREATED,
            lease_holder="",
            lease_expires_at=leases.requeued_until(now, since=row.updated_at),
        ):
            ids.append(row.pk)
    return ids


def _lock(
    project: Project, offers: Sequence[UploadRequest]
) -> dict[Checksum, Assembly]:
    rows = Assembly.objects.of(project, [offer.checksum.hex for offer in offers])
    locked = rows.select_for_update().order_by(*_LOCKED_IN_ORDER)
    return {Checksum(row.checksum): row for row in locked}


def _described(project_id: int, offer: UploadRequest) -> Assembly:
    """Return the row that waits for the chunks of `offer`, unsaved."""
    return Assembly(
        project_id=project_id,
        checksum=offer.checksum.hex,
        name=offer.name,
        debug_id=str(offer.debug_id or ""),
        offered_by=offer.offered_by,
        chunks=[c.hex for c in offer.chunks],
        state=State.NOT_FOUND,
        updated_at=timezone.now(),
    )


def _is_described(row: Assembly, offer: UploadRequest) -> bool:
    return row.state == State.NOT_FOUND and matches_request(offer, row)


def _await(held: Mapping[UploadRequest, Assembly]) -> None:
    AwaitedChunk.objects.bulk_create(
        [
            AwaitedChunk(assembly=row, checksum=chunk.hex)
            for offer, row in held.items()
            for chunk in dict.fromkeys(offer.chunks)
        ],
        ignore_conflicts=True,
    )


def _checksum(offer: UploadRequest) -> Checksum:
    return offer.checksum


def _rest(held: Assembly, **fields: object) -> None:
    _change(held, lease_expires_at=None, updated_at=timezone.now(), **fields)


def _change(held: Assembly, **fields: object) -> None:
    same = Assembly.objects.filter(
        pk=held.pk, state=State.ASSEMBLING, lease_holder=held.lease_holder
    )
    if not same.update(**fields):
        raise LeaseLost


_DESCRIPTION = [
    "name",
    "debug_id",
    "offered_by",
    "chunks",
    "state",
    "detail",
    "retryable",
    "attempts",
    "lease_holder",
    "lease_expires_at",
    "updated_at",
]
