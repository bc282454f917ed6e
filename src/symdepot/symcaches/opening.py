"""Opens symcaches, or says why there are none."""

from dataclasses import dataclass

from django.utils import timezone

from symdepot.blobs.store import BlobStore
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import BlobDamaged, BlobMissing
from symdepot.domain.ids import Checksum
from symdepot.domain.symcache import OpenSymCache
from symdepot.symcaches import making, outcomes
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.symcaches.shelf import Shelf
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
    row = outcomes.of([debug_file]).get(debug_file.pk)
    if row is None or _is_due(row):
        ask_for(debug_file)
        row = outcomes.of([debug_file]).get(debug_file.pk)
    if row is None:
        return Absent(None)
    if row.outcome != Outcome.MADE:
        return Absent(Outcome(row.outcome), row.detail)
    try:
        with shelf.lent(Checksum(row.checksum), row.size_bytes, store) as path:
            return OpenSymCache.open(path)
    except (BlobMissing, BlobDamaged, ValueError):
        making.remake(row)
        return Absent(Outcome.QUEUED)


def ask_for(debug_file: DebugFile) -> None:
    """See that `debug_file` gets its symcache soon, if one would be of any use."""
    with chunks.not_while_freeing():
        # It may have been deleted a moment ago.
        file = File.objects.filter(pk=debug_file.file_id).first()
        if file is not None:
            wanted = [(file, debug_file.object_file())]
            making.want(wanted, until=timezone.now())


def _is_due(row: SymCache) -> bool:
    return (
        row.outcome == Outcome.FAILED
        and row.retry_at is not None
        and row.retry_at <= timezone.now()
    )
