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
from django.db import close_old_connections, transaction
from django.utils import timezone

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import lookup
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline import tasks, unpacking
from symdepot.projects.models import Organization, Project
from symdepot.uploads import assembly, chunks
from symdepot.uploads.assembly import Offer
from symdepot.uploads.models import Assembly, State

_FILES_A_TASK = 8
_RETRY_AFTER = timedelta(seconds=5)
"""How long an error that might pass is told, before the same offer is tried anew."""
_SUPERSEDED = "Newer files of the same debug id have all that is in this one."
_WAITERS = BoundedSemaphore(24)
"""Fewer than there are threads, so that waiting keeps nobody from being answered."""
_FIRST_PAUSE_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an offered file stands; `debug_file` is there exactly when it is `ok`."""

    state: State
    missing: tuple[Checksum, ...] = ()
    detail: str = ""
    debug_file: DebugFile | None = None


def keep_chunks(organization: Organization, sizes: Mapping[Checksum, int]) -> None:
    """Note chunks whose bytes are kept, and queue the files that they complete.

    Raises:
        StorageUnavailable: see `chunks.own`.
    """
    if not sizes:
        return
    chunks.own(organization, sizes, blob_store())
    with transaction.atomic():
        complete = chunks.completed_by(organization, sizes)
        _enqueue_on_commit(assembly.queue_completed(complete))


def offer(project: Project, offers: Sequence[Offer]) -> dict[Checksum, Standing]:
    """Say where each offered file stands; queue those whose chunks are all here.

    Never answers that a file is `created`: sentry-cli takes that for the end of the
    story when it hears it first. A file that is queued is `assembling`. If nothing is
    missing, waits a few seconds for the files in work, since clients only ask again
    after a second.

    Source: spec/sentry-cli A5.
    """
    answers = _offer(project, offers)
    if any(answer.state == State.ASSEMBLING for answer in answers.values()):
        redrive()
    if not any(answer.missing for answer in answers.values()):
        answers |= _wait_for(
            project,
            [c for c, answer in answers.items() if answer.state == State.ASSEMBLING],
        )
    return answers


def take_in_zip(project: Project, archive: IO[bytes], *, by: str) -> list[DebugFile]:
    """Take in the files of a zip; return the debug files that are new to `project`.

    Files that were known, that are no debug files, or that are not finished within a
    few seconds are left out.

    Raises:
        InvalidRequest, FileTooLarge, StorageUnavailable: see `unpacking.unpack`.
    """
    offers: dict[Checksum, Offer] = {}
    for offered, sizes in unpacking.unpack(archive):
        keep_chunks(project.organization, sizes)
        offers[offered.checksum] = replace(offered, offered_by=by)
    known = lookup.by_checksums(project, offers)
    answers = offer(project, [o for c, o in offers.items() if c not in known])
    return [answer.debug_file for answer in answers.values() if answer.debug_file]


def redrive() -> int:
    """Queue again what its worker left lying; return how many files that were."""
    if not assembly.any_abandoned():
        return 0
    with transaction.atomic():
        ids = assembly.take_back_abandoned()
        _enqueue_on_commit(ids)
    return len(ids)


def _offer(project: Project, offers: Sequence[Offer]) -> dict[Checksum, Standing]:
    answers = _known(project, offers)
    unknown = [offer for offer in offers if offer.checksum not in answers]
    answers |= {o.checksum: Standing(State.NOT_FOUND) for o in unknown if not o.chunks}
    described = [offer for offer in unknown if offer.chunks]
    if described:
        with chunks.not_while_freeing():
            answers |= _take_up(project, described)
    return answers


def _known(project: Project, offers: Sequence[Offer]) -> dict[Checksum, Standing]:
    """Return the standing of files about which there is nothing to be done."""
    checksums = [offer.checksum for offer in offers]
    entered = lookup.by_checksums(project, checksums)
    rows = assembly.standing(project, [c for c in checksums if c not in entered])
    answers = {c: _there(found) for c, found in entered.items()}
    for offer in offers:
        row = rows.get(offer.checksum)
        if row is not None and (settled := _settled(row, offer)):
            answers[offer.checksum] = settled
    return answers


def _there(found: DebugFile) -> Standing:
    detail = _SUPERSEDED if found.superseded_at else ""
    return Standing(State.OK, detail=detail, debug_file=found)


def _settled(row: Assembly, offer: Offer) -> Standing | None:
    """Return the standing that `row` gives to `offer`; None if it should be taken up.

    An error is told again to whoever asks with the same chunks; one that might pass
    only for a while, in which the client that caused it comes to hear of it.
    """
    match row.state:
        case State.CREATED | State.ASSEMBLING:
            return Standing(State.ASSEMBLING)
        case State.ERROR:
            is_over = row.retryable and timezone.now() - row.updated_at > _RETRY_AFTER
            is_other = row.chunks != [c.hex for c in offer.chunks]
            if not offer.chunks or not (is_over or is_other):
                return Standing(State.ERROR, detail=row.detail)
    return None


def _take_up(project: Project, offers: Sequence[Offer]) -> dict[Checksum, Standing]:
    """Queue the complete ones of `offers`, and let the others wait for chunks."""
    held = assembly.hold(project, offers)
    answers = _known(project, offers)  # again: somebody may have been faster
    owned = chunks.sizes(project.organization, {c for o in offers for c in o.chunks})
    waiting, complete = {}, {}
    for offer in offers:
        if offer.checksum in answers:
            continue
        if missing := chunks.missing(offer.chunks, owned):
            waiting[offer] = held[offer.checksum]
            answers[offer.checksum] = Standing(State.NOT_FOUND, tuple(missing))
        else:
            complete[offer] = held[offer.checksum]
            answers[offer.checksum] = Standing(State.ASSEMBLING)
    assembly.await_chunks(waiting)
    _enqueue_on_commit(assembly.queue(complete))
    return answers


def _enqueue_on_commit(assembly_ids: Sequence[int]) -> None:
    if assembly_ids:
        transaction.on_commit(partial(_enqueue, tuple(assembly_ids)))


def _enqueue(assembly_ids: Iterable[int]) -> None:
    with transaction.atomic():
        for batch in batched(assembly_ids, _FILES_A_TASK):
            tasks.take_in.enqueue(assembly_ids=list(batch))


def _wait_for(
    project: Project, checksums: Sequence[Checksum]
) -> dict[Checksum, Standing]:
    """Return the standing of those of `checksums` that are finished in a few seconds."""
    pending = set(checksums)
    if not pending or not _WAITERS.acquire(blocking=False):
        return {}
    try:
        until = time.monotonic() + settings.ASSEMBLE_WAIT_SECONDS
        pause_seconds = _FIRST_PAUSE_SECONDS
        while pending and time.monotonic() < until:
            close_old_connections()
            time.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 1.5, _LONGEST_PAUSE_SECONDS)
            pending -= assembly.finished(project, pending)
    finally:
        _WAITERS.release()
    return _known(project, [Offer(c, "", ()) for c in checksums])
