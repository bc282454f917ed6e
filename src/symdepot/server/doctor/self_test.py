"""The self-test of `symdepot doctor`: a task and an upload, deleted again."""

import io
import time
from contextlib import suppress
from secrets import token_hex

from django.db.models import ProtectedError
from django.tasks import task

from symdepot.blobs.configured import blob_store
from symdepot.domain.ids import Checksum
from symdepot.jobs.polling import Backoff
from symdepot.pipeline import upload_requests
from symdepot.pipeline.gc import deletion
from symdepot.pipeline.upload_requests import UploadStatus
from symdepot.projects.models import Organization, Project
from symdepot.uploads import chunks
from symdepot.uploads.assembly import UploadRequest
from symdepot.uploads.models import Chunk, File, State

_ORGANIZATION = "symdepot-doctor"
_PAUSE_SECONDS = 0.05


@task
def no_op() -> None:
    """Do nothing; the test is whether a worker runs it."""


def time_worker(*, timeout_seconds: float) -> float | None:
    """Return the seconds until a worker had run a task; None: the timeout passed."""
    started_at = time.monotonic()
    result = no_op.using(priority=100).enqueue()
    backoff = _backoff(started_at + timeout_seconds)
    while not result.is_finished and backoff.pause():
        result.refresh()
    return time.monotonic() - started_at if result.is_finished else None


def upload(*, timeout_seconds: float) -> tuple[UploadStatus, float]:
    """Upload a small file to an organization of its own, then delete both.

    Returns the status of the upload, and the seconds it took.
    """
    content = tiny_symbol_file()
    checksum = Checksum.of(content)
    organization, _ = Organization.objects.get_or_create(slug=_ORGANIZATION)
    project, _ = Project.objects.get_or_create(
        organization=organization, slug=f"self-test-{token_hex(4)}"
    )
    started_at = time.monotonic()
    try:
        blob_store().put(checksum, io.BytesIO(content))
        upload_requests.accept_chunks(organization, {checksum: len(content)})
        status = _assemble(project, checksum, started_at + timeout_seconds)
        seconds = time.monotonic() - started_at
        if status.debug_file:
            deletion.delete_debug_file(status.debug_file, by="doctor")
    finally:
        _delete_all(project, checksum)
    return status, seconds


def tiny_symbol_file() -> bytes:
    """Return a Breakpad symbol file with a random id.

    Source: breakpad/docs/symbol_files.md.
    """
    return (
        f"MODULE Linux x86_64 {token_hex(16).upper()}0 doctor\n"
        "FUNC 1000 10 0 main\n"
        "PUBLIC 2000 0 exported\n"
    ).encode()


def _assemble(project: Project, checksum: Checksum, deadline: float) -> UploadStatus:
    request = UploadRequest(checksum, "doctor.sym", (checksum,))
    status = upload_requests.request_uploads(project, [request])[checksum]
    backoff = _backoff(deadline)
    while status.state == State.ASSEMBLING and backoff.pause():
        status = upload_requests.request_uploads(project, [request])[checksum]
    return status


def _backoff(deadline: float) -> Backoff:
    return Backoff(deadline, first_seconds=_PAUSE_SECONDS, max_seconds=_PAUSE_SECONDS)


def _delete_all(project: Project, checksum: Checksum) -> None:
    """Delete the rows and the blob of a self-test, whether or not it succeeded."""
    with chunks.freeing():
        project.delete()
        File.objects.filter(checksum=checksum.hex).delete()
        Chunk.objects.filter(checksum=checksum.hex).delete()
    blob_store().delete(checksum)
    # Another self-test may run in the organization.
    with suppress(ProtectedError):
        project.organization.delete()
