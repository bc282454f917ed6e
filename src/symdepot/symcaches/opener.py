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
from symdepot.domain.symcache.reader import OpenSymCache
from symdepot.symcaches import creation, status
from symdepot.symcaches.disk_cache import DiskCache
from symdepot.symcaches.memory_cache import memory_cache
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads import chunks
from symdepot.uploads.models import File


@dataclass(frozen=True, slots=True)
class SymCacheUnavailable:
    """There is no symcache: not yet, not any more, or never; `detail` may say why.

    Without an outcome, none would be of use, or none are made here.
    """

    outcome: Outcome | None
    detail: str = ""


def open_symcache(
    debug_file: DebugFile, store: BlobStore, shelf: DiskCache
) -> OpenSymCache | SymCacheUnavailable:
    """Open the symcache of `debug_file`, or say why there is none.

    One that is not there but might be, or whose bytes turn out damaged, is made soon:
    who asks again in a few seconds may find it.

    Raises:
        StorageUnavailable: the store or the disk did not answer.
    """
    return open_row(rows_by_file([debug_file]).get(debug_file.pk), store, shelf)


def rows_by_file(debug_files: Sequence[DebugFile]) -> dict[int, SymCache]:
    """Return the symcaches of these, by the ids of their rows, and ask for the others.

    Those of which none would be of use have none.
    """
    rows = status.latest_rows(debug_files)
    lacking = [
        one
        for one in debug_files
        if (one.pk not in rows and conversion.is_convertible(one.object_file()))
        or (one.pk in rows and _is_due(rows[one.pk]))
    ]
    if not lacking or not settings.SYMCACHES:
        return rows
    for one in lacking:
        request_symcache(one)
    return status.latest_rows(debug_files)


def open_row(
    row: SymCache | None, store: BlobStore, shelf: DiskCache
) -> OpenSymCache | SymCacheUnavailable:
    """Open what stands in `row`; see `open_symcache`. One that is open already is shared."""
    if row is None:
        return SymCacheUnavailable(None)
    if row.outcome != Outcome.MADE:
        return SymCacheUnavailable(Outcome(row.outcome), row.detail)
    return memory_cache().get(Checksum(row.checksum)) or _mapped(row, store, shelf)


def _mapped(
    row: SymCache, store: BlobStore, shelf: DiskCache
) -> OpenSymCache | SymCacheUnavailable:
    checksum = Checksum(row.checksum)
    try:
        with shelf.lent(checksum, row.size_bytes, store) as path:
            return memory_cache().add(checksum, OpenSymCache.open(path))
    except (BlobMissing, BlobDamaged, ValueError):
        creation.recreate(row)
        return SymCacheUnavailable(Outcome.QUEUED)


def request_symcache(debug_file: DebugFile) -> None:
    """See that `debug_file` gets its symcache soon, if one would be of any use."""
    with chunks.not_while_freeing():
        # It may have been deleted a moment ago.
        file = File.objects.filter(pk=debug_file.file_id).first()
        if file is not None:
            wanted = [(file, debug_file.object_file())]
            creation.request(wanted, lost_after=timezone.now())


def _is_due(row: SymCache) -> bool:
    return (
        row.outcome == Outcome.FAILED
        and row.retry_at is not None
        and row.retry_at <= timezone.now()
    )
