"""How far the making of each symcache has come. The one writer of its outcome.

Takes a symcache from where it was written into the store.
"""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import partial
from io import FileIO
from pathlib import Path

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import LeaseLost, StorageUnavailable
from symdepot.domain.ids import Checksum
from symdepot.domain.objects import ObjectFile
from symdepot.domain.symcache import conversion
from symdepot.domain.symcache.conversion import (
    Conversion,
    ConversionFailed,
    SymCacheWritten,
)
from symdepot.jobs import leases
from symdepot.symcaches.models import VERSION, Outcome, SymCache
from symdepot.uploads import chunks
from symdepot.uploads.models import File, FileChunk

_GIVEN_UP = "Gave up after {} attempts: each ended the worker that made it."
_TAKEN_BACK_AT_ONCE = 500
_DEADLY_LASTS = 7
"""How much longer it is remembered that a file ended its reader."""


def request(wanted: Iterable[tuple[File, ObjectFile]], *, until: datetime) -> None:
    """Let symcaches of these objects be queued, if they would be of any use.

    Nothing changes for those that are made, or on their way. One that failed is
    queued again only when its time has come. From `until` on, one that nobody has
    taken up is thought lost. To be called in `chunks.not_while_freeing`.
    """
    rows = [
        SymCache(
            file=file,
            debug_id=str(o.debug_id.uuid),
            arch=o.arch,
            version=VERSION,
            **_queued(timezone.now(), until),
        )
        for file, o in wanted
        if settings.SYMCACHES and conversion.is_convertible(o)
    ]
    if rows:
        SymCache.objects.bulk_create(rows, ignore_conflicts=True)
        retry({row.file_id for row in rows}, until=until)


def retry(files: Collection[int], *, until: datetime) -> None:
    """Queue those of these files again that failed, and whose time has come."""
    now = timezone.now()
    SymCache.objects.present(files).due(now).update(attempts=0, **_queued(now, until))


def waiting(files: Collection[int]) -> dict[int, int]:
    """Return, for the queue, the ids of what is queued, and the size of each file."""
    rows = SymCache.objects.present(files).filter(outcome=Outcome.QUEUED)
    return dict(rows.values_list("pk", "file__size_bytes"))


def claim(symcache_id: int) -> SymCache | None:
    """Take up what is queued under a lease; None if there is nothing to do."""
    now = timezone.now()
    taken = SymCache.objects.claimable(now).filter(pk=symcache_id, version=VERSION)
    if not taken.update(
        outcome=Outcome.MAKING,
        attempts=F("attempts") + 1,
        lease_holder=leases.new_holder(),
        lease_expires_at=leases.leased_until(now),
    ):
        return None
    return SymCache.objects.select_related("file").filter(pk=symcache_id).first()


def renew(held: SymCache) -> None:
    """Say that the work on `held` goes on.

    Raises:
        LeaseLost: somebody else does it by now.
    """
    _change(held, lease_expires_at=leases.leased_until(timezone.now()))


def source(held: SymCache) -> tuple[Checksum, list[Checksum]]:
    """Return what the file of `held` hashes to, and its chunks in order."""
    parts = FileChunk.objects.filter(file=held.file_id).order_by("position")
    checksums = parts.values_list("chunk__checksum", flat=True)
    return Checksum(held.file.checksum), [Checksum(c) for c in checksums]


def finish(
    held: SymCache,
    came_of_it: Conversion,
    kept: tuple[Checksum, int] | None,
    store: BlobStore,
) -> list[Checksum]:
    """Write down what came of `held`; what was made is `kept`, and of this size.

    That it cannot be made is remembered, and for longer if it was deadly. Returns the
    checksums of earlier versions, whose rows are gone, to be freed.

    Raises:
        LeaseLost: see `renew`.
        StorageUnavailable: the bytes were freed in this very moment, because another
            symcache had them, too; making it again helps.
    """
    match came_of_it:
        case ConversionFailed(reason, deadly):
            return _fail(held, reason, _lasting(deadly=deadly))
        case SymCacheWritten(symbols_only) if kept is not None:
            return _finish(held, kept, store, symbols_only=symbols_only)
    raise ValueError("made, and not kept")


def fail_for_now(held: SymCache, reason: str) -> None:
    """Remember that `held` cannot be made until its file is sent again, and why.

    Raises:
        LeaseLost: see `renew`.
    """
    _change(held, **_failed(reason, timezone.now()))


def retry_later(held: SymCache, reason: str) -> None:
    """Let `held` be tried again in a while; after too many attempts it has failed.

    Raises:
        LeaseLost: see `renew`.
    """
    now = timezone.now()
    if held.attempts >= settings.MAX_ATTEMPTS:
        _change(held, **_failed(reason, now + _lasting(deadly=False)))
        return
    rest = leases.resting_until(now, attempts=held.attempts)
    _change(held, **_queued(now, rest))


def recreate(damaged: SymCache) -> None:
    """Let a symcache be made again whose bytes turned out damaged or gone."""
    now = timezone.now()
    same = SymCache.objects.filter(
        pk=damaged.pk, outcome=Outcome.MADE, checksum=damaged.checksum
    )
    same.update(attempts=0, checksum="", size_bytes=0, **_queued(now, now))


def any_abandoned() -> bool:
    """Whether there is anything that somebody should be working on and nobody is."""
    return SymCache.objects.abandoned(timezone.now()).exists()


def is_anything_queued() -> bool:
    """Whether workers have anything to do here, or will soon."""
    return SymCache.objects.filter(lease_expires_at__isnull=False).exists()


def requeue_abandoned() -> dict[int, int]:
    """Return, for the queue, what nobody works on any more: ids, and sizes of files.

    To be called in a transaction. Each is returned once a lease, and not too many at
    once.
    """
    now = timezone.now()
    taken = {}
    rows = SymCache.objects.abandoned(now).select_related("file")
    for row in rows.order_by("lease_expires_at", "pk")[:_TAKEN_BACK_AT_ONCE]:
        same = SymCache.objects.abandoned(now).filter(pk=row.pk)
        if row.outcome == Outcome.MAKING and row.attempts >= settings.MAX_ATTEMPTS:
            told = _GIVEN_UP.format(row.attempts)
            same.update(**_failed(told, now + _lasting(deadly=True)))
        elif same.update(
            outcome=Outcome.QUEUED,
            lease_holder="",
            lease_expires_at=leases.requeued_until(now, since=row.updated_at),
        ):
            taken[row.pk] = row.file.size_bytes
    return taken


def _finish(
    held: SymCache,
    kept: tuple[Checksum, int],
    store: BlobStore,
    *,
    symbols_only: bool,
) -> list[Checksum]:
    checksum, size_bytes = kept
    with chunks.not_while_freeing():
        _change(
            held,
            outcome=Outcome.MADE,
            detail="",
            symbols_only=symbols_only,
            checksum=checksum.hex,
            size_bytes=size_bytes,
            **_at_rest(),
        )
        if checksum not in store:
            raise StorageUnavailable
        return _leave_earlier(held)


def _fail(held: SymCache, reason: str, lasts: timedelta) -> list[Checksum]:
    with chunks.not_while_freeing():
        _change(held, **_failed(reason, timezone.now() + lasts))
        return _leave_earlier(held)


def _leave_earlier(held: SymCache) -> list[Checksum]:
    """Delete the rows of earlier versions; return the checksums that they had."""
    earlier = SymCache.objects.same_object(held).filter(version__lt=held.version)
    checksums = earlier.exclude(checksum="").values_list("checksum", flat=True)
    left = [Checksum(c) for c in checksums]
    earlier.delete()
    return left


def _lasting(*, deadly: bool) -> timedelta:
    times = _DEADLY_LASTS if deadly else 1
    return times * timedelta(seconds=settings.SYMCACHE_RETRY_SECONDS)


def _change(held: SymCache, **fields: object) -> None:
    same = SymCache.objects.filter(
        pk=held.pk, outcome=Outcome.MAKING, lease_holder=held.lease_holder
    )
    if not same.update(**fields):
        raise LeaseLost


def _queued(now: datetime, until: datetime) -> dict[str, object]:
    return {
        "outcome": Outcome.QUEUED,
        "detail": "",
        "lease_holder": "",
        "lease_expires_at": until,
        "retry_at": None,
        "updated_at": now,
    }


def _failed(reason: str, retry_at: datetime) -> dict[str, object]:
    return {
        "outcome": Outcome.FAILED,
        "detail": reason,
        **_at_rest(),
        "retry_at": retry_at,
    }


def _at_rest() -> dict[str, object]:
    return {
        "lease_holder": "",
        "lease_expires_at": None,
        "retry_at": None,
        "updated_at": timezone.now(),
    }


def store_symcache(written: Path, store: BlobStore) -> tuple[Checksum, int]:
    """Put what is `written` into `store`; return its checksum and its size in bytes.

    Keeping it again replaces what is there, and so heals what was damaged.

    Raises:
        StorageUnavailable: the scratch disk or the store did not answer.
    """
    try:
        with written.open("rb", buffering=0) as content:
            checksum = checksum_of(content)
            content.seek(0)
            return checksum, store.put(checksum, content)
    except OSError as error:
        raise StorageUnavailable from error


def checksum_of(content: FileIO) -> Checksum:
    """Return what the rest of an open file hashes to."""
    return Checksum(hashlib.file_digest(content, _sha1).hexdigest())


_sha1 = partial(hashlib.sha1, usedforsecurity=False)
