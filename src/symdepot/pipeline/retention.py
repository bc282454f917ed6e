"""Forgets debug files, and with each what only it referred to."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from symdepot.debugfiles import catalogue
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline import freeing
from symdepot.projects import audit
from symdepot.projects.audit import Action
from symdepot.projects.models import Project
from symdepot.uploads import chunks, expiry
from symdepot.uploads.models import Assembly, ChunkOwner, FileChunk


def forget(debug_file: DebugFile, *, by: str) -> None:
    """Delete a debug file for `by`; what only it referred to goes with it, at once.

    The state that clients poll goes in the same transaction, so that an upload right
    afterwards finds nothing and brings it back. Chunks that an unfinished upload
    counts on stay, and so do those that somebody has sent again since.
    """
    file, project = debug_file.file, debug_file.project
    since = max(file.created_at, debug_file.created_at)
    doomed: set[Checksum] = set()
    with chunks.freeing():
        if leave(project, [debug_file], received_before=since):
            audit.note(
                project,
                Action.DELETED,
                by=by,
                subject=str(debug_file),
                checksum=file.checksum,
            )
        parts = FileChunk.objects.filter(file=file).values_list("chunk_id", flat=True)
        candidates = set(parts)
        gone, doomed = freeing.drop_files([file.pk])
        if gone:
            doomed |= set(freeing.drop_chunks(candidates, since).values())
    freeing.free(doomed)


def leave(
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
    expiry.forget(Assembly.objects.of(project, [files[pk] for pk in left]))
    _lapse(project, left, received_before)
    return gone


def lapsed(received_before: datetime) -> QuerySet[ChunkOwner]:
    """Return the proofs of chunks that no file of their organization has any more."""
    own = DebugFile.objects.filter(
        file=OuterRef("file"),
        project__organization=OuterRef(OuterRef("organization")),
    )
    having = FileChunk.objects.filter(Exists(own), chunk=OuterRef("chunk"))
    return expiry.proofs(received_before).filter(~Exists(having))


def _lapse(project: Project, files: Collection[int], received_before: datetime) -> None:
    parts = FileChunk.objects.filter(file__in=files)
    lapsed(received_before).filter(
        organization=project.organization_id, chunk__in=parts.values("chunk")
    ).delete()
