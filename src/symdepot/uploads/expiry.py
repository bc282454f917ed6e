"""What uploads leave lying: chunks that no file has, files whose chunks never came."""

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

_RENEWED_AFTER = timedelta(minutes=10)


def unreferenced_chunks(received_before: datetime) -> QuerySet[Chunk]:
    """Return the chunks that no file has, nobody awaits and nobody sent since."""
    return Chunk.objects.filter(
        ~Exists(FileChunk.objects.filter(chunk=OuterRef("pk"))),
        ~Exists(AwaitedChunk.objects.filter(checksum=OuterRef("checksum"))),
        received_at__lte=received_before,
    )


def stalled_uploads(idle_since: datetime) -> QuerySet[Assembly]:
    """Return the files that wait for chunks, of which none has come since.

    Nor has anybody offered them again.
    """
    arrived = Chunk.objects.filter(
        checksum=OuterRef("checksum"), received_at__gte=idle_since
    )
    fed = AwaitedChunk.objects.filter(Exists(arrived), assembly=OuterRef("pk"))
    return Assembly.objects.filter(
        ~Exists(fed), state=State.NOT_FOUND, updated_at__lt=idle_since
    )


def failed_uploads(before: datetime) -> QuerySet[Assembly]:
    """Return the files that failed before then; whoever offers one begins anew."""
    return Assembly.objects.filter(state=State.ERROR, updated_at__lt=before)


def delete_uploads(assemblies: QuerySet[Assembly]) -> set[int]:
    """Delete these, with what they await; return which. In a transaction."""
    # In the order in which all lock them, or two could wait for each other.
    locked = assemblies.select_for_update().order_by("checksum", "pk")
    gone = set(locked.values_list("pk", flat=True))
    Assembly.objects.filter(pk__in=gone).delete()
    return gone


def keep_alive(assemblies: Iterable[Assembly]) -> None:
    """Note that somebody still wants to upload these, if that was not noted lately."""
    now = timezone.now()
    stale = [row.pk for row in assemblies if now - row.updated_at > _RENEWED_AFTER]
    if stale:
        waiting = Assembly.objects.filter(pk__in=stale, state=State.NOT_FOUND)
        waiting.update(updated_at=now)


def expired_ownerships(received_before: datetime) -> QuerySet[ChunkOwner]:
    """Return the proofs of chunks that nobody of their organization awaits.

    Of chunks, that is, that nobody at all has sent since.
    """
    awaited = AwaitedChunk.objects.filter(
        checksum=OuterRef("checksum"),
        assembly__project__organization=OuterRef("organization"),
    )
    return ChunkOwner.objects.filter(
        ~Exists(awaited), chunk__received_at__lte=received_before
    )
