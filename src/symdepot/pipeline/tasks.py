"""The queue's door: ids in, one call to `steps` for each, and what came of it."""

from collections.abc import Mapping
from functools import partial
from itertools import batched

import structlog
from django.db import transaction
from django.tasks import task

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import (
    BlobDamaged,
    BlobMissing,
    ChecksumMismatch,
    InternalError,
    LeaseLost,
    Missing,
    Refused,
    SymdepotError,
    Unavailable,
)
from symdepot.jobs.heartbeat import Heartbeat
from symdepot.pipeline import steps
from symdepot.symcaches import creation
from symdepot.symcaches.models import SymCache
from symdepot.uploads import assembly, chunks
from symdepot.uploads.models import Assembly

SYMCACHE_QUEUE = "symcaches"
"""The queue of what takes long, and what nobody waits for."""
_AFTER_UPLOADS = -50
_LARGE_BYTES = 1024 * 1024
_SMALL_FILES_A_TASK = 8
_log = structlog.get_logger(__name__)


@task
def assemble_files(*, assembly_ids: list[int]) -> None:
    """Run `steps.assemble` for each of these, if it is still to be done.

    Raises:
        ExceptionGroup: faults of ours, after all of them have been tried.
    """
    taken = [_take_in(pk) for pk in assembly_ids]
    enqueue_symcaches(
        creation.waiting([row.file_id for row in taken if isinstance(row, DebugFile)])
    )
    if faults := [fault for fault in taken if isinstance(fault, Exception)]:
        raise ExceptionGroup("files not taken in", faults)


@task(queue_name=SYMCACHE_QUEUE, priority=_AFTER_UPLOADS)
def create_symcaches(*, symcache_ids: list[int]) -> None:
    """Run `steps.create_symcache` for each of these, if it is still to be done.

    Raises:
        ExceptionGroup: faults of ours, after all of them have been tried.
    """
    faults = [fault for pk in symcache_ids if (fault := _make(pk)) is not None]
    if faults:
        raise ExceptionGroup("symcaches not made", faults)


def enqueue_symcaches(waiting: Mapping[int, int]) -> None:
    """Queue the making of symcaches, of files of these sizes: small ones share a task."""
    large = [pk for pk, size_bytes in waiting.items() if size_bytes > _LARGE_BYTES]
    small = [pk for pk in waiting if pk not in set(large)]
    with transaction.atomic():
        for some in (*batched(small, _SMALL_FILES_A_TASK), *([pk] for pk in large)):
            create_symcaches.enqueue(symcache_ids=list(some))


def _take_in(assembly_id: int) -> DebugFile | Exception | None:
    held = assembly.claim(assembly_id)
    if held is None:
        return None
    log = _log.bind(
        checksum=held.checksum, project=held.project.slug, attempt=held.attempts
    )
    try:
        with Heartbeat(partial(assembly.renew, held)):
            debug_file = steps.assemble(held)
        log.info("taken in", debug_id=debug_file.debug_id, name=held.name)
        return debug_file  # noqa: TRY300 -- what follows is the story of what went wrong
    except SymdepotError as error:
        log.info("not taken in", why=str(error), cause=repr(error.__cause__))
        _remember(held, error)
    except Exception as fault:
        log.exception("not taken in, by a fault of ours")
        _remember(held, InternalError())
        return fault
    return None


def _make(symcache_id: int) -> Exception | None:
    held = creation.claim(symcache_id)
    if held is None:
        return None
    log = _log.bind(checksum=held.file.checksum, attempt=held.attempts)
    try:
        with Heartbeat(partial(creation.renew, held)):
            outcome = steps.create_symcache(held)
        log.info("symcache concluded", debug_id=held.debug_id, outcome=outcome.value)
    except SymdepotError as error:
        log.info("symcache not made", why=str(error), cause=repr(error.__cause__))
        _remember_unmade(held, error)
    except Exception as fault:
        log.exception("symcache not made, by a fault of ours")
        _remember_unmade(held, InternalError())
        return fault
    return None


def _remember(held: Assembly, error: SymdepotError) -> None:
    """Write down how the attempt ended, so that clients can read it."""
    try:
        match error:
            case ChecksumMismatch():
                assembly.fail(held, "Reported checksum mismatch", retryable=False)
            case Refused():
                assembly.fail(held, str(error), retryable=False)
            case BlobDamaged(checksum=checksum) | BlobMissing(checksum=checksum):
                chunks.forget_damaged(checksum)
                assembly.fail(held, str(error), retryable=True)
            case Missing():
                assembly.fail(held, str(error), retryable=True)
            case LeaseLost():
                raise error
            case Unavailable():
                assembly.retry_later(held, str(error))
    except LeaseLost:
        _log.warning("taken over by another worker", checksum=held.checksum)


def _remember_unmade(held: SymCache, error: SymdepotError) -> None:
    """Write down how the attempt ended, so that people can read it."""
    try:
        match error:
            case BlobDamaged(checksum=checksum) | BlobMissing(checksum=checksum):
                chunks.forget_damaged(checksum)
                creation.fail_for_now(held, str(error))
            case LeaseLost():
                raise error
            case Unavailable():
                creation.retry_later(held, str(error))
            case _:
                creation.fail_for_now(held, str(error))
    except LeaseLost:
        _log.warning("taken over by another worker", checksum=held.file.checksum)
