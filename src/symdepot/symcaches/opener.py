"""Opens symcaches, or says why there are none."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from symdepot.blobs.store import BlobStore
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import BlobDamaged, BlobMissing
from symdepot.domain.ids import Checksum
from symdepot.domain.symcache import conversion
from symdepot.domain.symcache.symcache_file import OpenSymCache
from symdepot.symcaches import creation, status
from symdepot.symcaches.disk_cache import Shelf
from symdepot.symcaches.memory_cache import pool
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads import chunks
from symdepot.uploads.models import File


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no symcache: not yet, not any more, or never; `detail` may say why.

    Without an outcome, none would be of use, or none are made here.
    """

    outcome: Outcome | None
    detail: str = ""


def opened(
    debug_file: DebugFile, store: BlobStore, shelf: Shelf
) -> OpenSymCache | Absent:
    """Open the symcache of `debug_file`, or say why there is none.

    One that is not there but might be, or whose bytes turn out damaged, is made soon:
    who asks again in a few seconds may find it.

    Raises:
        StorageUnavailable: the store or the disk did not answer.
    """
    return of_row(standing([debug_file]).get(debug_file.pk), store, shelf)


def standing(debug_files: Sequence[DebugFile]) -> dict[int, SymCache]:
    """Return the symcaches of these, by the ids of their rows, and ask for the others.

    Those of which none would be of use have none.
    """
    rows = status.of(debug_files)
    lacking = [
        one
        for one in debug_files
        if (one.pk not in rows and conversion.is_of_use(one.object_file()))
        or (one.pk in rows and _is_due(rows[one.pk]))
    ]
    if not lacking or not settings.SYMCACHES:
        return rows
    for one in lacking:
        ask_for(one)
    return status.of(debug_files)


def of_row(
    row: SymCache | None, store: BlobStore, shelf: Shelf
) -> OpenSymCache | Absent:
    """Open what stands in `row`; see `opened`. One that is open already is shared."""
    if row is None:
        return Absent(None)
    if row.outcome != Outcome.MADE:
        return Absent(Outcome(row.outcome), row.detail)
    return pool().get(Checksum(row.checksum)) or _mapped(row, store, shelf)


def _mapped(row: SymCache, store: BlobStore, shelf: Shelf) -> OpenSymCache | Absent:
    checksum = Checksum(row.checksum)
    try:
        with shelf.lent(checksum, row.size_bytes, store) as path:
            return pool().add(checksum, OpenSymCache.open(path))
    except (BlobMissing, BlobDamaged, ValueError):
        creation.remake(row)
        return Absent(Outcome.QUEUED)


def ask_for(debug_file: DebugFile) -> None:
    """See that `debug_file` gets its symcache soon, if one would be of any use."""
    with chunks.not_while_freeing():
        # It may have been deleted a moment ago.
        file = File.objects.filter(pk=debug_file.file_id).first()
        if file is not None:
            wanted = [(file, debug_file.object_file())]
            creation.want(wanted, until=timezone.now())


def _is_due(row: SymCache) -> bool:
    return (
        row.outcome == Outcome.FAILED
        and row.retry_at is not None
        and row.retry_at <= timezone.now()
    )
