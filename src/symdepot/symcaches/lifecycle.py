"""State of symcaches: the only writer of `SymCache.outcome`. Stores their bytes.

`queued` → `making` (leased to a worker) → `made` or `failed`; `jobs.leases` describes the
first two. The rows are the queue: workers claim the one that a request waits for, or the
oldest. A failure is remembered on the row and tried again after
`settings.SYMCACHE_RETRY_SECONDS`. Functions that change leased rows raise `LeaseLost`;
see `leases.update_leased`.
"""

import time
from collections.abc import Collection, Iterable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from symdepot.blobs.incoming import checksum_of, storage_errors
from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import StorageUnavailable
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

_PRIORITY_SECONDS = 5
"""A waiting request moves its files to the front this often, and not with each check."""
_DEADLY_FACTOR = 7
"""A file that killed its parser is tried again after this many times the usual time."""


def request(objects: Iterable[tuple[File, ObjectFile]]) -> None:
    """Queue symcaches of these objects, where one can be created.

    Rows that are made, queued or in work do not change. A failed one is queued again if
    its retry time has come. Call it in `chunks.not_while_freeing`.
    """
    rows = [
        SymCache(
            file=file,
            debug_id=str(o.debug_id.uuid),
            arch=o.arch,
            version=VERSION,
            **_queued(),
        )
        for file, o in objects
        if settings.SYMCACHES and conversion.is_convertible(o)
    ]
    if rows:
        SymCache.objects.bulk_create(rows, ignore_conflicts=True)
        retry({row.file_id for row in rows})


def retry(files: Collection[int]) -> None:
    """Queue the failed symcaches of these files whose retry time has come."""
    failed = SymCache.objects.present(files).filter(outcome=Outcome.FAILED)
    due = failed.filter(retry_at__lte=timezone.now())
    due.update(attempts=0, **_queued())


def move_to_front(rows: Iterable[SymCache]) -> None:
    """Let workers create these unfinished symcaches next: a request waits for them.

    Waits for no lock: a locked row is being claimed, or moved by another request.
    """
    now_ms = int(time.time() * 1000)
    before_ms = now_ms - _PRIORITY_SECONDS * 1000
    behind = [row.pk for row in rows if row.priority < before_ms]
    if not behind:
        return
    with transaction.atomic():
        locked = SymCache.objects.filter(pk__in=behind).select_for_update(
            skip_locked=True
        )
        free = list(locked.values_list("pk", flat=True))
        SymCache.objects.filter(pk__in=free).update(priority=now_ms)


def has_claimable() -> bool:
    """Whether `claim_next` would find a row. Takes no lock."""
    return SymCache.objects.claimable(settings.MAX_ATTEMPTS).exists()


def claim_next() -> SymCache | None:
    """Lease the most wanted symcache. None: there is none to be created now.

    Those that a request waits for come first, the latest request first; then the others,
    the oldest first.
    """
    rows = SymCache.objects.select_related("file")
    with transaction.atomic():
        first = rows.claimable(settings.MAX_ATTEMPTS)
        locked = first.select_for_update(skip_locked=True, of=("self",)).first()
        return None if locked is None else leases.claim(rows, locked.pk)


def source(row: SymCache) -> tuple[Checksum, list[Checksum]]:
    """Return the checksum of the file, and its chunks in order."""
    parts = FileChunk.objects.filter(file=row.file_id).order_by("position")
    checksums = parts.values_list("chunk__checksum", flat=True)
    return Checksum(row.file.checksum), [Checksum(c) for c in checksums]


def finish(
    row: SymCache,
    result: Conversion,
    stored: tuple[Checksum, int] | None,
    store: BlobStore,
) -> list[Checksum]:
    """Write the result of a conversion to its leased row.

    `stored`: checksum and size in bytes of the symcache, if one was written. Deletes the
    rows of earlier versions and returns their checksums, to be freed.

    Raises:
        StorageUnavailable: the bytes were freed at this moment, because another symcache
            had the same; a retry helps.
    """
    with chunks.not_while_freeing():
        match result:
            case ConversionFailed(reason, deadly):
                leases.update_leased(row, **_failed(reason, deadly=deadly))
            case SymCacheWritten(symbols_only) if stored is not None:
                checksum, size_bytes = stored
                leases.update_leased(
                    row,
                    outcome=Outcome.MADE,
                    detail="",
                    symbols_only=symbols_only,
                    checksum=checksum.hex,
                    size_bytes=size_bytes,
                    **_at_rest(),
                )
                if checksum not in store:
                    raise StorageUnavailable
            case _:
                raise ValueError("a written symcache must be stored")
        earlier = SymCache.objects.same_object(row).filter(version__lt=row.version)
        checksums = earlier.exclude(checksum="").values_list("checksum", flat=True)
        deleted = [Checksum(c) for c in checksums]
        earlier.delete()
        return deleted


def fail_for_now(row: SymCache, reason: str) -> None:
    """Make a leased row `failed`; it is due again as soon as its file is sent again."""
    leases.update_leased(row, **_failed(reason) | {"retry_at": timezone.now()})


def retry_later(row: SymCache, reason: str) -> None:
    """Queue a leased row again after a pause; after its last attempt, let it fail."""
    if not leases.retry_later(row, updated_at=timezone.now()):
        leases.update_leased(row, **_failed(reason))


def recreate(damaged: SymCache) -> None:
    """Queue a symcache whose bytes are damaged or gone, to be created again."""
    made = SymCache.objects.filter(outcome=Outcome.MADE, checksum=damaged.checksum)
    same = made.filter(pk=damaged.pk)
    same.update(attempts=0, checksum="", size_bytes=0, **_queued())


def give_up() -> int:
    """Let those fail that ended the worker of their last attempt. Returns their number."""
    limit = settings.MAX_ATTEMPTS
    dead = SymCache.objects.abandoned().filter(
        outcome=Outcome.MAKING, attempts__gte=limit
    )
    if not dead.exists():
        return 0
    return dead.update(**_failed(leases.GAVE_UP.format(limit), deadly=True))


def store_symcache(path: Path, store: BlobStore) -> tuple[Checksum, int]:
    """Put the symcache at `path` into `store`. Return its checksum and size in bytes.

    Replaces bytes that are there already, which may be damaged.

    Raises:
        StorageUnavailable: the scratch disk or the store did not answer.
    """
    with storage_errors(), path.open("rb", buffering=0) as content:
        checksum = checksum_of(content)
        content.seek(0)
        return checksum, store.put(checksum, content)


def _queued() -> dict[str, object]:
    return {
        **_at_rest(),
        "outcome": Outcome.QUEUED,
        "detail": "",
        "lease_expires_at": timezone.now(),
        "priority": 0,
    }


def _failed(reason: str, *, deadly: bool = False) -> dict[str, object]:
    pause = timedelta(seconds=settings.SYMCACHE_RETRY_SECONDS)
    return {
        **_at_rest(),
        "outcome": Outcome.FAILED,
        "detail": reason,
        "retry_at": timezone.now() + pause * (_DEADLY_FACTOR if deadly else 1),
    }


def _at_rest() -> dict[str, object]:
    return {
        "lease_holder": "",
        "lease_expires_at": None,
        "retry_at": None,
        "updated_at": timezone.now(),
    }
