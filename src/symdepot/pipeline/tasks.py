"""What workers run: one of `steps` for a row, under a lease.

Files to assemble come as tasks of the queue, which carry row ids. Symcaches have no tasks:
their rows are the queue, since requests change which one is next.
"""

from collections.abc import Callable

import structlog
from django.tasks import task
from structlog.contextvars import bound_contextvars

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import (
    BlobDamaged,
    BlobMissing,
    ChecksumMismatch,
    InternalError,
    LeaseLost,
    Refused,
    SymdepotError,
    Unavailable,
    WrongStore,
)
from symdepot.jobs import leases
from symdepot.jobs.heartbeat import heartbeat
from symdepot.jobs.leases import LeasedRow
from symdepot.pipeline import steps
from symdepot.symcaches import lifecycle
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads import assembly, chunks
from symdepot.uploads.models import Assembly

_log = structlog.get_logger(__name__)


@task
def assemble_files(*, assembly_ids: list[int]) -> None:
    """Run `steps.assemble` for each of these rows that is still queued.

    Raises:
        ExceptionGroup: unexpected exceptions, after all rows were tried.
    """
    results = [_assemble(pk) for pk in assembly_ids]
    if errors := [result for result in results if isinstance(result, Exception)]:
        raise ExceptionGroup("files not assembled", errors)


@task(queue_name="symcaches", priority=-50)
def create_symcaches(*, symcache_ids: list[int]) -> None:
    """Do nothing: earlier versions left such tasks in the queue."""


def create_next_symcache() -> bool:
    """Run `steps.create_symcache` for the most wanted row. False: there was none.

    Looks before it claims: claiming locks the whole of an SQLite database.
    """
    row = lifecycle.claim_next() if lifecycle.has_claimable() else None
    if row is None:
        return False
    with bound_contextvars(checksum=row.file.checksum, debug_id=row.debug_id):
        result = _run_leased(
            row,
            steps.create_symcache,
            _record_symcache_error,
            failed_event="symcache.failed",
        )
        if result is Outcome.MADE:
            _log.info("symcache.created")
        elif result is Outcome.FAILED:
            _log.info("symcache.failed", error="the file cannot be converted")
    return True


def _assemble(assembly_id: int) -> DebugFile | Exception | None:
    row = assembly.claim(assembly_id)
    if row is None:
        return None
    with bound_contextvars(checksum=row.checksum, project=row.project.slug):
        result = _run_leased(
            row, steps.assemble, _record_upload_error, failed_event="upload.failed"
        )
        if isinstance(result, DebugFile):
            _log.info("upload.assembled", debug_id=result.debug_id, name=row.name)
    return result


def _run_leased[Row: LeasedRow, Result](
    row: Row,
    work: Callable[[Row], Result],
    record_error: Callable[[Row, SymdepotError], None],
    *,
    failed_event: str,
) -> Result | Exception | None:
    """Run `work` under the lease of `row`, with a heartbeat.

    After one of our errors `record_error` writes it to the row, and the result is None.
    An unexpected exception is recorded as `InternalError`, and returned.
    """
    log = _log.bind(attempt=row.attempts)
    try:
        with heartbeat(row):
            return work(row)
    except LeaseLost:
        log.warning("lease.lost")
    except SymdepotError as error:
        cause = {"cause": repr(error.__cause__)} if error.__cause__ else {}
        log.info(failed_event, error=str(error), **cause)
        _record(row, error, record_error)
    except Exception as unexpected:
        log.exception(failed_event)
        _record(row, InternalError(), record_error)
        return unexpected
    return None


def _record[Row: LeasedRow](
    row: Row, error: SymdepotError, record_error: Callable[[Row, SymdepotError], None]
) -> None:
    if isinstance(error, BlobDamaged | BlobMissing):
        chunks.forget_damaged(error.checksum)
    try:
        if isinstance(error, WrongStore):
            leases.give_back(row)
        else:
            record_error(row, error)
    except LeaseLost:
        _log.warning("lease.lost")


def _record_upload_error(row: Assembly, error: SymdepotError) -> None:
    match error:
        case ChecksumMismatch():
            assembly.fail(row, "Reported checksum mismatch", retryable=False)
        case Unavailable() if not isinstance(error, BlobDamaged):
            assembly.retry_later(row, str(error))
        case _:
            assembly.fail(row, str(error), retryable=not isinstance(error, Refused))


def _record_symcache_error(row: SymCache, error: SymdepotError) -> None:
    if isinstance(error, Unavailable) and not isinstance(error, BlobDamaged):
        lifecycle.retry_later(row, str(error))
    else:
        lifecycle.fail_for_now(row, str(error))
