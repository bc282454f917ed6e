"""An upload like any other, made to see whether uploads work, and undone again."""

import io
import time
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex

from django.db.models import ProtectedError
from django.tasks import task

from symdepot.blobs.configured import blob_store
from symdepot.domain.ids import Checksum
from symdepot.jobs.backoff import Backoff
from symdepot.pipeline import intake
from symdepot.pipeline.gc import deletion
from symdepot.pipeline.intake import UploadStatus
from symdepot.projects.models import Organization, Project
from symdepot.uploads import chunks
from symdepot.uploads.assembly import UploadRequest
from symdepot.uploads.models import Chunk, File, State

_ORGANIZATION = "symdepot-doctor"
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """How far the file came, in the words of `uploads.models.State`, and how fast."""

    state: str
    detail: str
    seconds: float

    @property
    def is_ok(self) -> bool:
        """Say whether it came all the way."""
        return self.state == State.OK


@task
def no_op() -> None:
    """Do nothing: that somebody came to do it is the news."""


def time_worker(*, patience_seconds: float) -> float | None:
    """Return after how many seconds a worker took up a task; None if none did."""
    began_at = time.monotonic()
    result = no_op.using(priority=100).enqueue()
    backoff = _backoff(began_at + patience_seconds)
    while not result.is_finished and backoff.pause():
        result.refresh()
    return time.monotonic() - began_at if result.is_finished else None


def upload(*, patience_seconds: float) -> SelfTestResult:
    """Send a small file all the way, in an organization made for it; leave nothing."""
    content = tiny_symbol_file()
    checksum = Checksum.of(content)
    organization, _ = Organization.objects.get_or_create(slug=_ORGANIZATION)
    project, _ = Project.objects.get_or_create(
        organization=organization, slug=f"trial-{token_hex(4)}"
    )
    began_at = time.monotonic()
    try:
        blob_store().put(checksum, io.BytesIO(content))
        intake.accept_chunks(organization, {checksum: len(content)})
        came_to = _offered(project, checksum, until=began_at + patience_seconds)
        seconds = time.monotonic() - began_at
        if came_to.debug_file:
            deletion.delete_debug_file(came_to.debug_file, by="doctor")
    finally:
        _forget(project, checksum)
    return SelfTestResult(came_to.state, came_to.detail, seconds)


def tiny_symbol_file() -> bytes:
    """Return a Breakpad symbol file that nobody has ever seen.

    Source: breakpad/docs/symbol_files.md.
    """
    return (
        f"MODULE Linux x86_64 {token_hex(16).upper()}0 doctor\n"
        "FUNC 1000 10 0 main\n"
        "PUBLIC 2000 0 exported\n"
    ).encode()


def _offered(project: Project, checksum: Checksum, *, until: float) -> UploadStatus:
    offer = UploadRequest(checksum, "doctor.sym", (checksum,))
    standing = intake.request_uploads(project, [offer])[checksum]
    backoff = _backoff(until)
    while standing.state == State.ASSEMBLING and backoff.pause():
        standing = intake.request_uploads(project, [offer])[checksum]
    return standing


def _backoff(deadline: float) -> Backoff:
    return Backoff(deadline, first_seconds=_PAUSE_SECONDS, max_seconds=_PAUSE_SECONDS)


def _forget(project: Project, checksum: Checksum) -> None:
    """Delete what is left of a trial, which is much if it did not come to its end."""
    with chunks.freeing():
        project.delete()
        File.objects.filter(checksum=checksum.hex).delete()
        Chunk.objects.filter(checksum=checksum.hex).delete()
    blob_store().delete(checksum)
    # Another doctor may be at work.
    with suppress(ProtectedError):
        project.organization.delete()
