"""Deletes rows that nobody refers to, and bytes that no row names. Bytes go last.

What takes rows out is to be called in `chunks.freeing`, and takes as many statements
for a thousand as for one.

Forgets debug files, and with each what only it referred to.

Looks through the store for blobs that no row names.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import batched

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from symdepot.blobs.configured import blob_store
from symdepot.blobs.store import StoredBlob
from symdepot.debugfiles import catalogue
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.projects import audit
from symdepot.projects.audit import Action
from symdepot.projects.models import Project
from symdepot.symcaches.models import SymCache
from symdepot.uploads import chunks, expiry
from symdepot.uploads.models import Assembly, Chunk, ChunkOwner, File, FileChunk

_FREED_AT_ONCE = 16


def delete_files(files: Collection[int]) -> tuple[set[int], set[Checksum]]:
    """Delete those of these files that are no debug file of anybody.

    Returns their rows, and what their symcaches, which go with them, were kept under.
    """
    unused = File.objects.filter(
        ~Exists(DebugFile.objects.filter(file=OuterRef("pk"))), pk__in=files
    )
    gone = set(unused.values_list("pk", flat=True))
    made = SymCache.objects.filter(file__in=gone)
    blobs = {Checksum(c) for c in made.values_list("checksum", flat=True) if c}
    made.delete()
    File.objects.filter(pk__in=gone).delete()
    return gone, blobs


def delete_chunks(
    candidates: Collection[int], received_before: datetime
) -> dict[int, Checksum]:
    """Delete those of these chunks that are loose; return their rows and names."""
    loose = expiry.unreferenced_chunks(received_before).filter(pk__in=candidates)
    gone = dict(loose.values_list("pk", "checksum"))
    Chunk.objects.filter(pk__in=gone).delete()
    return {pk: Checksum(checksum) for pk, checksum in gone.items()}


def referenced_blobs(checksums: Iterable[Checksum]) -> set[Checksum]:
    """Return those of these blobs that some row names: a chunk's or a symcache's."""
    wanted = [c.hex for c in checksums]
    return {
        Checksum(found)
        for rows in (Chunk.objects, SymCache.objects)
        for found in rows.filter(checksum__in=wanted).values_list("checksum", flat=True)
    }


def delete_blobs(doomed: Iterable[Checksum]) -> set[Checksum]:
    """Delete the bytes of those that no row names, a few at a time; return which.

    A crash before this leaves blobs that nobody refers to, never a row without its
    bytes. Whoever sends the same chunk in between either has its row seen here, or
    sees that the bytes are gone when it writes the row.
    """
    store = blob_store()
    freed: set[Checksum] = set()
    for batch in batched(doomed, _FREED_AT_ONCE):
        with chunks.freeing():
            unnamed = set(batch) - referenced_blobs(batch)
            for checksum in unnamed:
                store.delete(checksum)
        freed |= unnamed
    return freed


def delete_debug_file(debug_file: DebugFile, *, by: str) -> None:
    """Delete a debug file for `by`; what only it referred to goes with it, at once.

    The state that clients poll goes in the same transaction, so that an upload right
    afterwards finds nothing and brings it back. Chunks that an unfinished upload
    counts on stay, and so do those that somebody has sent again since.
    """
    file, project = debug_file.file, debug_file.project
    since = max(file.created_at, debug_file.created_at)
    doomed: set[Checksum] = set()
    with chunks.freeing():
        if delete_debug_files(project, [debug_file], received_before=since):
            audit.record(
                project,
                Action.DELETED,
                by=by,
                subject=str(debug_file),
                checksum=file.checksum,
            )
        parts = FileChunk.objects.filter(file=file).values_list("chunk_id", flat=True)
        candidates = set(parts)
        gone, doomed = delete_files([file.pk])
        if gone:
            doomed |= set(delete_chunks(candidates, since).values())
    delete_blobs(doomed)


def delete_debug_files(
    project: Project, debug_files: Sequence[DebugFile], *, received_before: datetime
) -> list[DebugFile]:
    """Take debug files, with their `file`s, out of `project`; return those there were.

    What clients poll about them goes, and so do the organization's proofs that it sent
    what they are made of, unless it sent it again since `received_before`. To be
    called in `chunks.freeing`.
    """
    gone = catalogue.leave(project, debug_files)
    files = {row.file_id: row.file.checksum for row in gone}
    others = DebugFile.objects.filter(project=project, file__in=files)
    left = files.keys() - set(others.values_list("file", flat=True))
    expiry.delete_uploads(Assembly.objects.of(project, [files[pk] for pk in left]))
    _lapse(project, left, received_before)
    return gone


def unused_ownerships(received_before: datetime) -> QuerySet[ChunkOwner]:
    """Return the proofs of chunks that no file of their organization has any more."""
    own = DebugFile.objects.filter(
        file=OuterRef("file"),
        project__organization=OuterRef(OuterRef("organization")),
    )
    having = FileChunk.objects.filter(Exists(own), chunk=OuterRef("chunk"))
    return expiry.expired_ownerships(received_before).filter(~Exists(having))


def _lapse(project: Project, files: Collection[int], received_before: datetime) -> None:
    parts = FileChunk.objects.filter(file__in=files)
    unused_ownerships(received_before).filter(
        organization=project.organization_id, chunk__in=parts.values("chunk")
    ).delete()


_AT_ONCE = 1000


def find_orphans(step: Callable[[int], object]) -> Iterator[StoredBlob]:
    """Yield the blobs that no row names and that are old enough to be orphans.

    Bytes come before rows: what is younger than the grace may yet be named. `step` is
    told how many blobs have been looked at.
    """
    before = timezone.now() - orphan_grace()
    for some in batched(blob_store().stored(), _AT_ONCE):
        old = {blob.checksum: blob for blob in some if blob.written_at < before}
        for name in old.keys() - referenced_blobs(old):
            yield old[name]
        step(len(some))


def orphan_grace() -> timedelta:
    """Return how long a blob may lie without a row."""
    return timedelta(hours=settings.ORPHAN_GRACE_HOURS)
