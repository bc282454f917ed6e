"""Answers clients at once about the files they offer, and queues the rest."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import batched
from threading import BoundedSemaphore
from typing import IO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import project_files
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import NotADebugFile, QuotaExceeded
from symdepot.domain.formats import client_metadata, proguard
from symdepot.domain.ids import Checksum, DebugId
from symdepot.jobs.backoff import Backoff, waiting_slot
from symdepot.pipeline import steps, tasks, zip_upload
from symdepot.pipeline.gc import deletion
from symdepot.projects.models import Organization, Project
from symdepot.symcaches import status
from symdepot.uploads import assembly, chunks, expiry, quota
from symdepot.uploads.assembly import UploadRequest
from symdepot.uploads.models import Assembly, State

_FILES_A_TASK = 8
_RETRY_AFTER = timedelta(seconds=5)
"""How long an error that might pass is told, before the same offer is tried anew."""
_SUPERSEDED = "Newer files of the same debug id have all that is in this one."
_NO_SYMCACHE = "No symcache could be made of it: {}"
_WAITERS = BoundedSemaphore(24)
"""Fewer than there are threads, so that waiting keeps nobody from being answered."""
_FIRST_PAUSE_SECONDS = 0.01
_MAX_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class UploadStatus:
    """Where an offered file stands; `debug_file` is there exactly when it is `ok`."""

    state: State
    missing: tuple[Checksum, ...] = ()
    detail: str = ""
    debug_file: DebugFile | None = None


def accept_chunks(organization: Organization, sizes: Mapping[Checksum, int]) -> None:
    """Note chunks whose bytes are kept, and queue the files that they complete.

    Raises:
        QuotaExceeded: the organization has no room for them; they are not kept.
        StorageUnavailable: see `chunks.record_chunks`.
    """
    if not sizes:
        return
    try:
        quota.check(organization, sizes)
    except QuotaExceeded:
        deletion.delete_blobs(sizes)
        raise
    chunks.record_chunks(organization, sizes, blob_store())
    with transaction.atomic():
        complete = chunks.completed_by(organization, sizes)
        _enqueue_on_commit(assembly.queue_completed(complete))


def request_uploads(
    project: Project, offers: Sequence[UploadRequest]
) -> dict[Checksum, UploadStatus]:
    """Say where each offered file stands; queue those whose chunks are all here.

    Never answers that a file is `created`: sentry-cli takes that for the end of the
    story when it hears it first. A file that is queued is `assembling`. If nothing is
    missing, waits a few seconds for the files in work, since clients only ask again
    after a second.

    Source: spec/sentry-cli A5.
    """
    answers = _offer(project, offers)
    if any(answer.state == State.ASSEMBLING for answer in answers.values()):
        requeue_abandoned()
    if not any(answer.missing for answer in answers.values()):
        answers |= _wait_for(
            project,
            [o for o in offers if answers[o.checksum].state == State.ASSEMBLING],
        )
    return answers


def upload_zip(project: Project, archive: IO[bytes], *, by: str) -> list[DebugFile]:
    """Take in the files of a zip; return the debug files that are new to `project`.

    Files that were known, that are no debug files, or that are not finished within a
    few seconds are left out. A content may be in it several times, under several ids.

    Raises:
        InvalidRequest, FileTooLarge, StorageUnavailable: see `unpacking.unpack`.
    """
    said: dict[tuple[Checksum, DebugId | None], UploadRequest] = {}
    for unpacked, sizes in zip_upload.extract_zip(archive):
        accept_chunks(project.organization, sizes)
        words = (unpacked.checksum, client_metadata.id_from_name(unpacked.name))
        said.setdefault(words, replace(unpacked, offered_by=by))
    # A name without an id makes an error of what is a mapping under another name.
    offers = [o for _, o in sorted(said.items(), key=lambda each: each[0][1] is None)]
    first = {o.checksum: o for o in reversed(offers)}
    known = project_files.all_by_checksums(project, first)
    answers = request_uploads(project, list(first.values()))
    found: dict[DebugFile, None] = {}  # a set that keeps the order of the zip
    for one in said.values():
        is_again = first[one.checksum] is not one
        standings = _offer(project, [one]) if is_again else answers
        if row := standings[one.checksum].debug_file:
            found[row] = None
    old = {row for rows in known.values() for row in rows}
    return [row for row in found if row not in old]


def requeue_abandoned() -> int:
    """Queue again what its worker left lying; return how many files that were."""
    if not assembly.any_abandoned():
        return 0
    with transaction.atomic():
        ids = assembly.requeue_abandoned()
        _enqueue_on_commit(ids)
    return len(ids)


def _offer(
    project: Project, offers: Sequence[UploadRequest]
) -> dict[Checksum, UploadStatus]:
    answers = _known(project, offers, may_enter=True)
    unknown = [offer for offer in offers if offer.checksum not in answers]
    answers |= {
        o.checksum: UploadStatus(State.NOT_FOUND) for o in unknown if not o.chunks
    }
    described = [offer for offer in unknown if offer.chunks]
    if described:
        with chunks.not_while_freeing():
            answers |= _without_room(project, described)
            fitting = [o for o in described if o.checksum not in answers]
            answers |= _take_up(project, fitting)
    return answers


def _known(
    project: Project, offers: Sequence[UploadRequest], *, may_enter: bool
) -> dict[Checksum, UploadStatus]:
    """Return the standing of files about which there is nothing to be done.

    What is known under another id than it is offered under is entered under that, too,
    if `may_enter`; see `steps.register_again`.
    """
    checksums = [offer.checksum for offer in offers]
    entered = project_files.all_by_checksums(project, checksums)
    rows = assembly.rows_by_checksum(
        project, [c for c in checksums if c not in entered]
    )
    answers = {}
    for offer in offers:
        standing: UploadStatus | None = None
        if same := entered.get(offer.checksum):
            standing = _there(project, offer, same, may_enter=may_enter)
        elif row := rows.get(offer.checksum):
            standing = _settled(row, offer)
        if standing:
            answers[offer.checksum] = standing
    return _with_failures(answers)


def _with_failures(
    answers: dict[Checksum, UploadStatus],
) -> dict[Checksum, UploadStatus]:
    """Add of which files no symcache could be made, and why; they are `ok` all the same."""
    found = [a.debug_file for a in answers.values() if a.debug_file and not a.detail]
    told = status.failure_reasons(found)
    return {
        checksum: replace(answer, detail=_NO_SYMCACHE.format(told[one.pk]))
        if (one := answer.debug_file) and one.pk in told
        else answer
        for checksum, answer in answers.items()
    }


def _there(
    project: Project,
    offer: UploadRequest,
    same: Sequence[DebugFile],
    *,
    may_enter: bool,
) -> UploadStatus | None:
    """Return the standing of a known content, which answers to the ids of `same`.

    None if it has been deleted in this moment.

    Source: spec/sentry-server 2.4, step 2, and 2.7.
    """
    try:
        found = _claimed(offer, same)
        if found is None:
            known = same[0].object_file()
            again = client_metadata.with_offered_id(
                known, name=offer.name, claim=offer.debug_id
            )
            found = _with_id(same, again.debug_id)
            if found is None and not may_enter:
                return UploadStatus(State.ASSEMBLING)
            found = found or steps.register_again(
                project, same[0], again, by=offer.offered_by
            )
    except NotADebugFile as error:
        return UploadStatus(State.ERROR, detail=str(error))
    if found is None:
        return None
    detail = _SUPERSEDED if found.superseded_at else ""
    return UploadStatus(State.OK, detail=detail, debug_file=found)


def _claimed(offer: UploadRequest, same: Sequence[DebugFile]) -> DebugFile | None:
    """Return the one that a client names by its id: the usual case, and a quick one."""
    if offer.debug_id is None or proguard.id_from_name(offer.name):
        return None
    return _with_id(same, offer.debug_id)


def _with_id(same: Sequence[DebugFile], debug_id: DebugId) -> DebugFile | None:
    text = str(debug_id)
    return next((row for row in same if row.debug_id == text), None)


def _settled(row: Assembly, offer: UploadRequest) -> UploadStatus | None:
    """Return the standing that `row` gives to `request_uploads`; None if it should be taken up.

    An error is told again to whoever asks with the same words; one that might pass
    only for a while, in which the client that caused it comes to hear of it.
    """
    match row.state:
        case State.CREATED | State.ASSEMBLING:
            return UploadStatus(State.ASSEMBLING)
        case State.ERROR:
            is_over = row.retryable and timezone.now() - row.updated_at > _RETRY_AFTER
            is_other = not assembly.matches_request(offer, row)
            if not offer.chunks or not (is_over or is_other):
                return UploadStatus(State.ERROR, detail=row.detail)
    return None


def _without_room(
    project: Project, offers: Sequence[UploadRequest]
) -> dict[Checksum, UploadStatus]:
    """Refuse what cannot fit, and remember nothing: there may be room in a moment."""
    refusals = quota.refusals(
        project.organization, offers, chunk_bytes=settings.CHUNK_SIZE
    )
    return {c: UploadStatus(State.ERROR, detail=str(no)) for c, no in refusals.items()}


def _take_up(
    project: Project, offers: Sequence[UploadRequest]
) -> dict[Checksum, UploadStatus]:
    """Queue the complete ones of `offers`, and let the others wait for chunks."""
    held = assembly.lock_rows(project, offers)
    # Again: somebody may have been faster.
    answers = _known(project, offers, may_enter=False)
    owned = chunks.owned_sizes(
        project.organization, {c for o in offers for c in o.chunks}
    )
    waiting, complete = {}, {}
    for offer in offers:
        if offer.checksum in answers:
            continue
        if missing := chunks.missing(offer.chunks, owned):
            waiting[offer] = held[offer.checksum]
            answers[offer.checksum] = UploadStatus(State.NOT_FOUND, tuple(missing))
        else:
            complete[offer] = held[offer.checksum]
            answers[offer.checksum] = UploadStatus(State.ASSEMBLING)
    assembly.await_chunks(waiting)
    expiry.keep_alive(waiting.values())
    _enqueue_on_commit(assembly.queue(complete))
    return answers


def _enqueue_on_commit(assembly_ids: Sequence[int]) -> None:
    if assembly_ids:
        transaction.on_commit(partial(_enqueue, tuple(assembly_ids)))


def _enqueue(assembly_ids: Iterable[int]) -> None:
    with transaction.atomic():
        for batch in batched(assembly_ids, _FILES_A_TASK):
            tasks.assemble_files.enqueue(assembly_ids=list(batch))


def _wait_for(
    project: Project, offers: Sequence[UploadRequest]
) -> dict[Checksum, UploadStatus]:
    """Return the standing of those of `offers` that are finished in a few seconds."""
    pending = {offer.checksum for offer in offers}
    deadline = time.monotonic() + settings.ASSEMBLE_WAIT_SECONDS
    backoff = Backoff(
        deadline, first_seconds=_FIRST_PAUSE_SECONDS, max_seconds=_MAX_PAUSE_SECONDS
    )
    with waiting_slot(_WAITERS) as is_free:
        if not pending or not is_free:
            return {}
        while pending and backoff.pause():
            pending -= assembly.finished(project, pending)
    return _known(project, [replace(o, chunks=()) for o in offers], may_enter=True)
