"""Delete rows with what only they referred to, and blobs that no row names.

The functions that delete rows must be called inside `chunks.freeing`, except
`delete_debug_file`, which does so itself. `delete_blobs` comes after them, outside.
The number of SQL statements does not depend on the number of rows.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import batched

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from symdepot.blobs.configured import blob_store
from symdepot.blobs.store import StoredBlob
from symdepot.debugfiles import catalogue
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import StorageUnavailable
from symdepot.domain.ids import Checksum
from symdepot.pipeline.progress_callback import Progress
from symdepot.projects import audit
from symdepot.projects.audit import Action
from symdepot.projects.models import Project
from symdepot.symcaches.models import SymCache
from symdepot.uploads import chunks, stale_uploads
from symdepot.uploads.models import Assembly, Chunk, ChunkOwner, File, FileChunk

_BLOBS_PER_LOCK = 16
_BLOBS_PER_LOOKUP = 1000
_log = structlog.get_logger(__name__)


def delete_debug_file(debug_file: DebugFile, *, by: str) -> None:
    """Delete a debug file at the request of `by`, with what only it referred to.

    The upload status goes in the same transaction, so that a client which uploads the
    file right afterwards sends it again. Chunks stay if an unfinished upload awaits
    them or they have been received again since.
    """
    file, project = debug_file.file, debug_file.project
    since = max(file.created_at, debug_file.created_at)
    blobs: set[Checksum] = set()
    with chunks.freeing():
        if delete_debug_files(project, [debug_file], received_before=since):
            subject, checksum = str(debug_file), file.checksum
            audit.record(
                project, Action.DELETED, by=by, subject=subject, checksum=checksum
            )
        parts = FileChunk.objects.filter(file=file)
        candidates = set(parts.values_list("chunk_id", flat=True))
        deleted, blobs = delete_files([file.pk])
        if deleted:
            blobs |= set(delete_chunks(candidates, since).values())
    delete_blobs_or_leave(blobs)


def delete_debug_files(
    project: Project, debug_files: Sequence[DebugFile], *, received_before: datetime
) -> list[DebugFile]:
    """Delete debug files of `project`; return those that still existed.

    Also deletes their upload status, and the organization's ownership of their chunks
    unless it received them again after `received_before`. Each row needs its `file`.
    """
    deleted = catalogue.remove(project, debug_files)
    files = {row.file_id: row.file.checksum for row in deleted}
    others = DebugFile.objects.filter(project=project, file__in=files)
    unused = files.keys() - set(others.values_list("file", flat=True))
    stale_uploads.delete_uploads(
        Assembly.objects.of(project, [files[pk] for pk in unused])
    )
    parts = FileChunk.objects.filter(file__in=unused)
    unused_ownerships(received_before).filter(
        organization=project.organization_id, chunk__in=parts.values("chunk")
    ).delete()
    return deleted


def delete_files(files: Collection[int]) -> tuple[set[int], set[Checksum]]:
    """Delete those of these files that no debug file has, with their symcaches.

    Returns the deleted ids, and the blobs of the symcaches.
    """
    unused = File.objects.filter(
        ~Exists(DebugFile.objects.filter(file=OuterRef("pk"))), pk__in=files
    )
    deleted = set(unused.values_list("pk", flat=True))
    symcaches = SymCache.objects.filter(file__in=deleted)
    blobs = {Checksum(c) for c in symcaches.values_list("checksum", flat=True) if c}
    symcaches.delete()
    File.objects.filter(pk__in=deleted).delete()
    return deleted, blobs


def delete_chunks(
    candidates: Collection[int], received_before: datetime
) -> dict[int, Checksum]:
    """Delete those of these chunks that are unreferenced; return ids and checksums."""
    unused = stale_uploads.unreferenced_chunks(received_before).filter(
        pk__in=candidates
    )
    deleted = dict(unused.values_list("pk", "checksum"))
    Chunk.objects.filter(pk__in=deleted).delete()
    return {pk: Checksum(checksum) for pk, checksum in deleted.items()}


def delete_blobs(candidates: Iterable[Checksum]) -> set[Checksum]:
    """Delete those of these blobs that no row names; return the deleted ones.

    Raises:
        StorageUnavailable: the store did not answer. The rest are orphans.
    """
    store = blob_store()
    deleted: set[Checksum] = set()
    for batch in batched(candidates, _BLOBS_PER_LOCK):
        with chunks.freeing():
            unnamed = set(batch) - referenced_blobs(batch)
            for checksum in unnamed:
                store.delete(checksum)
        deleted |= unnamed
    return deleted


def delete_blobs_or_leave(candidates: Collection[Checksum]) -> None:
    """Delete blobs as `delete_blobs` after a transaction that cannot be undone.

    If the store or the database fails, the blobs are left to garbage collection, which
    deletes them as orphans: what was committed is not reported as failed.
    """
    try:
        delete_blobs(candidates)
    except (StorageUnavailable, DatabaseError) as error:
        _log.warning("blobs.left", count=len(candidates), error=str(error))


def referenced_blobs(checksums: Iterable[Checksum]) -> set[Checksum]:
    """Return those of these blobs that the row of a chunk or a symcache names."""
    names = [c.hex for c in checksums]
    return {
        Checksum(found)
        for rows in (Chunk.objects, SymCache.objects)
        for found in rows.filter(checksum__in=names).values_list("checksum", flat=True)
    }


def unused_ownerships(received_before: datetime) -> QuerySet[ChunkOwner]:
    """Return the ownerships of chunks that no debug file of the organization uses."""
    debug_files = DebugFile.objects.filter(
        file=OuterRef("file"), project__organization=OuterRef(OuterRef("organization"))
    )
    uses = FileChunk.objects.filter(Exists(debug_files), chunk=OuterRef("chunk"))
    return stale_uploads.expired_ownerships(received_before).filter(~Exists(uses))


def find_orphans(progress: Progress) -> Iterator[StoredBlob]:
    """Yield the blobs that no row names and that are older than the grace period."""
    before = timezone.now() - orphan_grace()
    for batch in batched(blob_store().stored(), _BLOBS_PER_LOOKUP):
        old = {blob.checksum: blob for blob in batch if blob.written_at < before}
        for checksum in old.keys() - referenced_blobs(old):
            yield old[checksum]
        progress("stored blobs", len(batch))


def orphan_grace() -> timedelta:
    """Return how long a blob may exist before its row: blobs are written first."""
    return timedelta(hours=settings.ORPHAN_GRACE_HOURS)
