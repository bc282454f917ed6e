"""Answers clients about the files they want to upload, and queues complete ones.

The status of an upload request is that of the first rule that applies:

| rule            | applies if                                           | status              |
|-----------------|------------------------------------------------------|---------------------|
| known content   | the project has a debug file with this content       | `ok`                |
| unfinished row  | its assembly is queued or in work                    | `assembling`        |
| failed row      | the same request has failed, for good or just now    | `error`             |
| no chunks given | the client only polls                                | `not_found`         |
| over quota      | the missing chunks cannot fit                        | `error`             |
| incomplete      | the organization does not own all chunks; if the     | `not_found`, chunks |
|                 | token is for one project, that project does not      |                     |
| complete        | otherwise                                            | `assembling`        |

A request for known content under a name or id that its format does not allow is an
`error`. `_RULES` is this table: one function for each rule, which only reads `_Facts`.
The first four rules are applied without locks. If requests are left, all are applied
again with the assemblies locked, and the last two have effects: an incomplete upload
waits for its chunks, a complete one is queued.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import batched
from threading import BoundedSemaphore
from typing import IO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import project_files
from symdepot.debugfiles.models import DebugFile
from symdepot.domain import objects
from symdepot.domain.errors import NotADebugFile, QuotaExceeded
from symdepot.domain.formats import client_metadata, proguard
from symdepot.domain.ids import Checksum, DebugId
from symdepot.domain.objects import ObjectFile
from symdepot.jobs.polling import Backoff, waiting_slot
from symdepot.pipeline import steps, tasks, zip_extraction
from symdepot.pipeline.gc import deletion
from symdepot.projects.models import Organization, Project
from symdepot.symcaches import failure_report
from symdepot.uploads import assembly, chunks, quota, stale_uploads
from symdepot.uploads.assembly import UploadRequest
from symdepot.uploads.models import Assembly, State

_FILES_PER_TASK = 8
_TEMPORARY_ERROR_SHOWN = timedelta(seconds=5)
"""How long a temporary error is the status, before the same request is tried again."""
_SUPERSEDED = "Newer files of the same debug id have all that is in this one."
_NO_SYMCACHE = "No symcache could be made of it: {}"
_WAITERS = BoundedSemaphore(24)
_CHUNKS_AT_ONCE = 100
_BYTES_AT_ONCE = 64 << 20
"""From a zip: little is written before an exceeded quota is noticed."""


@dataclass(frozen=True, slots=True)
class UploadStatus:
    """The status of an upload request. `debug_file` is set if and only if it is `ok`."""

    state: State
    missing: tuple[Checksum, ...] = ()
    detail: str = ""
    debug_file: DebugFile | None = None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rules read, for all requests of a call.

    `files`: debug files of the project by content; `rows`: assemblies; `refusals`:
    requests over quota; `owned`: chunks that the organization, or the token's only project, owns.
    """

    files: Mapping[Checksum, Sequence[DebugFile]]
    rows: Mapping[Checksum, Assembly]
    refusals: Mapping[Checksum, QuotaExceeded] = field(default_factory=dict)
    owned: Collection[Checksum] = ()


type _Rule = Callable[[UploadRequest, _Facts], UploadStatus | None]


def accept_chunks(
    organization: Organization,
    sizes: Mapping[Checksum, int],
    *,
    confined_to: Project | None = None,
) -> None:
    """Record chunks whose bytes are stored, and queue the files that they complete.

    `confined_to`: the only project of the token that sent them.

    Raises:
        QuotaExceeded: the organization has no room for them; the bytes are deleted.
    """
    if not sizes:
        return
    try:
        quota.check(organization, sizes, confined_to=confined_to)
    except QuotaExceeded:
        deletion.delete_blobs_or_leave(sizes)
        raise
    chunks.record_chunks(organization, sizes, blob_store(), confined_to=confined_to)
    with transaction.atomic():
        complete = chunks.completed_by(organization, sizes)
        _enqueue_on_commit(assembly.queue_completed(complete))


def request_uploads(
    project: Project, requests: Sequence[UploadRequest]
) -> dict[Checksum, UploadStatus]:
    """Return the status of each upload request; queue the complete ones.

    The state is never `created`: sentry-cli would stop polling. If no chunk is missing,
    waits a few seconds for the files in work, since clients poll only once a second.

    Source: spec/sentry-cli A5.
    """
    statuses = _decide(project, requests)
    in_work = [r for r in requests if statuses[r.checksum].state == State.ASSEMBLING]
    if in_work:
        requeue_abandoned()
    if in_work and not any(each.missing for each in statuses.values()):
        statuses |= _wait_for(project, in_work)
    return _with_symcache_errors(statuses)


def upload_zip(
    project: Project, archive: IO[bytes], *, by: str, is_confined: bool = False
) -> list[DebugFile]:
    """Upload the files of a zip. Returns the debug files that are new to `project`.

    Leaves out files that are known, that are no debug files, or that are not finished
    within a few seconds. The same content may occur several times, with several ids.
    Errors: see `zip_extraction.extract_zip`.
    """
    confined_to = project if is_confined else None
    members: dict[tuple[Checksum, DebugId | None], UploadRequest] = {}
    for request in _extract(project.organization, archive, confined_to):
        key = (request.checksum, client_metadata.id_from_name(request.name))
        own = replace(request, offered_by=by, is_confined=is_confined)
        members.setdefault(key, own)
    # Names with an id first: a mapping under a name without one would be an error.
    ordered = sorted(members.items(), key=lambda item: item[0][1] is None)
    first = {request.checksum: request for _, request in reversed(ordered)}
    known = project_files.all_by_checksums(project, first)
    statuses = request_uploads(project, list(first.values()))
    uploaded: dict[DebugFile, None] = {}  # in the order of the zip
    for request in members.values():
        is_first = first[request.checksum] is request
        decided = statuses if is_first else _decide(project, [request])
        if debug_file := decided[request.checksum].debug_file:
            uploaded[debug_file] = None
    old = {row for rows in known.values() for row in rows}
    return [row for row in uploaded if row not in old]


def requeue_abandoned(*, is_queue_empty: bool = False) -> int:
    """Enqueue files whose worker died or whose task was lost. Returns their number.

    `is_queue_empty`: whether it is known that no tasks wait.
    """
    abandoned = assembly.abandoned(is_queue_empty=is_queue_empty)
    if not abandoned.exists():
        return 0
    with transaction.atomic():
        ids = assembly.requeue(abandoned)
        _enqueue_on_commit(ids)
    return len(ids)


def _extract(
    organization: Organization, archive: IO[bytes], confined_to: Project | None
) -> Iterator[UploadRequest]:
    """Yield the files of a zip. Accepts their chunks, some at a time."""
    stored: dict[Checksum, int] = {}
    try:
        for request, sizes in zip_extraction.extract_zip(archive):
            stored |= sizes
            if len(stored) >= _CHUNKS_AT_ONCE or sum(stored.values()) >= _BYTES_AT_ONCE:
                accepted, stored = stored, {}
                accept_chunks(organization, accepted, confined_to=confined_to)
            yield request
    finally:
        accept_chunks(organization, stored, confined_to=confined_to)


def _decide(
    project: Project, requests: Sequence[UploadRequest]
) -> dict[Checksum, UploadStatus]:
    statuses = _apply(_RULES_WITHOUT_LOCKS, requests, _read_facts(project, requests))
    undecided = [r for r in requests if r.checksum not in statuses]
    if undecided:
        statuses |= _decide_with_locks(project, undecided)
    return statuses


def _decide_with_locks(
    project: Project, requests: Sequence[UploadRequest]
) -> dict[Checksum, UploadStatus]:
    """Apply all rules, and the effects of the last two. A request over quota has none."""
    with chunks.not_while_freeing():
        refusals = quota.refusals(project, requests, chunk_bytes=settings.CHUNK_SIZE)
        fitting = [r for r in requests if r.checksum not in refusals]
        rows = assembly.lock_rows(project, fitting)
        files = project_files.all_by_checksums(project, rows)
        listed = {chunk for request in fitting for chunk in request.chunks}
        is_confined = any(request.is_confined for request in requests)
        owned = chunks.owned_sizes(
            project.organization, listed, confined_to=project if is_confined else None
        )
        statuses = _apply(_RULES, requests, _Facts(files, rows, refusals, owned))
        decided = [(r, statuses[r.checksum]) for r in requests]
        incomplete = {r: rows[r.checksum] for r, each in decided if each.missing}
        assembly.await_chunks(incomplete)
        stale_uploads.keep_alive(incomplete.values())
        complete = {
            r: rows[r.checksum] for r, each in decided if each.state == State.CREATED
        }
        _enqueue_on_commit(assembly.queue(complete))
    queued = {r.checksum: UploadStatus(State.ASSEMBLING) for r in complete}
    return statuses | queued


def _wait_for(
    project: Project, requests: Sequence[UploadRequest]
) -> dict[Checksum, UploadStatus]:
    """Return the status of those of `requests` that are finished in a few seconds."""
    pending = {request.checksum for request in requests}
    deadline = time.monotonic() + settings.ASSEMBLE_WAIT_SECONDS
    backoff = Backoff(deadline, first_seconds=0.01, max_seconds=0.1)
    with waiting_slot(_WAITERS) as is_free:
        if not is_free:
            return {}
        while pending and backoff.pause():
            pending -= assembly.finished(project, pending)
    polls = [replace(request, chunks=()) for request in requests]
    return _apply(_RULES_OF_POLLS, polls, _read_facts(project, polls))


def _read_facts(project: Project, requests: Sequence[UploadRequest]) -> _Facts:
    """Read what the rules without locks need. Registers new ids of known contents."""
    checksums = [request.checksum for request in requests]
    files = project_files.all_by_checksums(project, checksums)
    for request in requests:
        if known := files.get(request.checksum):
            files[request.checksum] = _with_requested_id(project, request, known)
    unknown = [checksum for checksum in checksums if not files.get(checksum)]
    return _Facts(files, assembly.rows_by_checksum(project, unknown))


def _with_requested_id(
    project: Project, request: UploadRequest, files: list[DebugFile]
) -> list[DebugFile]:
    """Return `files`, and the one that the request adds. Empty: they were deleted."""
    with suppress(NotADebugFile):
        if _requested_file(request, files) is None:
            found = _requested_object(request, files[0])
            new = steps.register_again(project, files[0], found, by=request.offered_by)
            return [*files, new] if new else []
    return files


def _apply(
    rules: Iterable[_Rule], requests: Iterable[UploadRequest], facts: _Facts
) -> dict[Checksum, UploadStatus]:
    """Return the status by the first rule that applies, where one does."""
    statuses = {}
    for request in requests:
        for rule in rules:
            if decided := rule(request, facts):
                statuses[request.checksum] = decided
                break
    return statuses


def _known_content(request: UploadRequest, facts: _Facts) -> UploadStatus | None:
    """Source: spec/sentry-server 2.4, step 2, and 2.7."""
    files = facts.files.get(request.checksum)
    if not files:
        return None
    try:
        found = _requested_file(request, files)
    except NotADebugFile as error:
        return UploadStatus(State.ERROR, detail=str(error))
    if found is None:  # The next request registers its id, which needs other locks.
        return UploadStatus(State.ASSEMBLING)
    detail = _SUPERSEDED if found.superseded_at else ""
    return UploadStatus(State.OK, detail=detail, debug_file=found)


def _unfinished_row(request: UploadRequest, facts: _Facts) -> UploadStatus | None:
    row = facts.rows.get(request.checksum)
    is_unfinished = row and row.state in {State.CREATED, State.ASSEMBLING}
    return UploadStatus(State.ASSEMBLING) if is_unfinished else None


def _failed_row(request: UploadRequest, facts: _Facts) -> UploadStatus | None:
    row = facts.rows.get(request.checksum)
    if row is None or row.state != State.ERROR:
        return None
    age = timezone.now() - row.updated_at
    is_over = row.retryable and age > _TEMPORARY_ERROR_SHOWN
    is_new = is_over or not assembly.matches_request(request, row)
    if request.chunks and is_new:
        return None
    return UploadStatus(State.ERROR, detail=row.detail)


def _no_chunks_given(request: UploadRequest, _: _Facts) -> UploadStatus | None:
    return None if request.chunks else UploadStatus(State.NOT_FOUND)


def _over_quota(request: UploadRequest, facts: _Facts) -> UploadStatus | None:
    refusal = facts.refusals.get(request.checksum)
    return UploadStatus(State.ERROR, detail=str(refusal)) if refusal else None


def _incomplete(request: UploadRequest, facts: _Facts) -> UploadStatus | None:
    missing = chunks.missing(request.chunks, facts.owned)
    return UploadStatus(State.NOT_FOUND, tuple(missing)) if missing else None


def _complete(_: UploadRequest, __: _Facts) -> UploadStatus:
    return UploadStatus(State.CREATED)


_RULES: tuple[_Rule, ...] = (
    _known_content,
    _unfinished_row,
    _failed_row,
    _no_chunks_given,
    _over_quota,
    _incomplete,
    _complete,
)
_RULES_WITHOUT_LOCKS = _RULES[:4]
_RULES_OF_POLLS = _RULES[:3]


def _requested_file(
    request: UploadRequest, files: Sequence[DebugFile]
) -> DebugFile | None:
    """Return the one of a content's debug files that has the requested id."""
    is_plain = request.debug_id and not proguard.id_from_name(request.name)
    if is_plain and (found := _with_id(files, request.debug_id)):
        return found
    return _with_id(files, _requested_object(request, files[0]).debug_id)


def _requested_object(request: UploadRequest, known: DebugFile) -> ObjectFile:
    """Return the object of a known content under the requested name and id.

    Raises:
        NotADebugFile: the content cannot be a file of that name, or has no id.
    """
    requested = client_metadata.with_offered_id(
        known.object_file(), name=request.name, claim=request.debug_id
    )
    return objects.require_findable(requested)


def _with_id(files: Iterable[DebugFile], debug_id: DebugId | None) -> DebugFile | None:
    text = str(debug_id)
    return next((row for row in files if row.debug_id == text), None)


def _with_symcache_errors(
    statuses: dict[Checksum, UploadStatus],
) -> dict[Checksum, UploadStatus]:
    """Add to files that are `ok` the reason why they have no symcache, as detail."""
    plain = [s.debug_file for s in statuses.values() if s.debug_file and not s.detail]
    reasons = failure_report.failure_reasons(plain)
    return {
        checksum: replace(each, detail=_NO_SYMCACHE.format(reasons[each.debug_file.pk]))
        if each.debug_file and each.debug_file.pk in reasons
        else each
        for checksum, each in statuses.items()
    }


def _enqueue_on_commit(assembly_ids: Sequence[int]) -> None:
    def enqueue() -> None:
        with transaction.atomic():
            for batch in batched(assembly_ids, _FILES_PER_TASK):
                tasks.assemble_files.enqueue(assembly_ids=list(batch))

    if assembly_ids:
        transaction.on_commit(enqueue)
