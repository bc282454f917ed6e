"""Queries for what unfinished uploads leave behind; garbage collection deletes it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from symdepot.uploads.models import (
    Assembly,
    AwaitedChunk,
    Chunk,
    ChunkOwner,
    FileChunk,
    State,
)

_KEEP_ALIVE_EVERY = timedelta(minutes=10)


def unreferenced_chunks(received_before: datetime) -> QuerySet[Chunk]:
    """Return chunks without a file or a waiting upload, last sent before that time."""
    return Chunk.objects.filter(
        ~Exists(FileChunk.objects.filter(chunk=OuterRef("pk"))),
        ~Exists(AwaitedChunk.objects.filter(checksum=OuterRef("checksum"))),
        received_at__lte=received_before,
    )


def stalled_uploads(idle_since: datetime) -> QuerySet[Assembly]:
    """Return uploads that wait for chunks, without a chunk or a request since then."""
    arrived = Chunk.objects.filter(
        checksum=OuterRef("checksum"), received_at__gte=idle_since
    )
    fed = AwaitedChunk.objects.filter(Exists(arrived), assembly=OuterRef("pk"))
    return Assembly.objects.filter(
        ~Exists(fed), state=State.NOT_FOUND, updated_at__lt=idle_since
    )


def failed_uploads(before: datetime) -> QuerySet[Assembly]:
    """Return uploads that failed before then."""
    return Assembly.objects.filter(state=State.ERROR, updated_at__lt=before)


def delete_uploads(assemblies: QuerySet[Assembly]) -> set[int]:
    """Delete these, with their awaited chunks. Return their ids. In a transaction."""
    # The lock order of `assembly`, to avoid deadlocks.
    locked = assemblies.select_for_update().order_by("checksum", "pk")
    deleted = set(locked.values_list("pk", flat=True))
    Assembly.objects.filter(pk__in=deleted).delete()
    return deleted


def keep_alive(assemblies: Iterable[Assembly]) -> None:
    """Update the time of the last request, if it is more than ten minutes old."""
    now = timezone.now()
    stale = [row.pk for row in assemblies if now - row.updated_at > _KEEP_ALIVE_EVERY]
    if stale:
        waiting = Assembly.objects.filter(pk__in=stale, state=State.NOT_FOUND)
        waiting.update(updated_at=now)


def expired_ownerships(received_before: datetime) -> QuerySet[ChunkOwner]:
    """Return owners of old chunks that no upload of their organization awaits.

    Old: not sent since then, by any organization.
    """
    awaited = AwaitedChunk.objects.filter(
        checksum=OuterRef("checksum"),
        assembly__project__organization=OuterRef("organization"),
    )
    return ChunkOwner.objects.filter(
        ~Exists(awaited), chunk__received_at__lte=received_before
    )
