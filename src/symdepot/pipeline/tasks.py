"""The queue's door: ids in, one call to `steps` for each, and what came of it."""

import structlog
from django.tasks import task

from symdepot.domain.errors import (
    BlobDamaged,
    BlobMissing,
    ChecksumMismatch,
    Faulty,
    LeaseLost,
    Missing,
    Refused,
    SymdepotError,
    Unavailable,
)
from symdepot.pipeline import steps
from symdepot.pipeline.heartbeat import Heartbeat
from symdepot.uploads import assembly, chunks
from symdepot.uploads.models import Assembly

_log = structlog.get_logger(__name__)


@task
def take_in(*, assembly_ids: list[int]) -> None:
    """Run `steps.take_in` for each of these, if it is still to be done.

    Raises:
        ExceptionGroup: faults of ours, after all of them have been tried.
    """
    faults = [fault for pk in assembly_ids if (fault := _take_in(pk)) is not None]
    if faults:
        raise ExceptionGroup("files not taken in", faults)


def _take_in(assembly_id: int) -> Exception | None:
    held = assembly.begin(assembly_id)
    if held is None:
        return None
    log = _log.bind(
        checksum=held.checksum, project=held.project.slug, attempt=held.attempts
    )
    try:
        with Heartbeat(held):
            debug_file = steps.take_in(held)
        log.info("taken in", debug_id=debug_file.debug_id, name=held.name)
    except SymdepotError as error:
        log.info("not taken in", why=str(error), cause=repr(error.__cause__))
        _remember(held, error)
    except Exception as fault:
        log.exception("not taken in, by a fault of ours")
        _remember(held, Faulty())
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
                chunks.disown(checksum)
                assembly.fail(held, str(error), retryable=True)
            case Missing():
                assembly.fail(held, str(error), retryable=True)
            case LeaseLost():
                raise error
            case Unavailable():
                assembly.put_back(held, str(error))
    except LeaseLost:
        _log.warning("taken over by another worker", checksum=held.checksum)
