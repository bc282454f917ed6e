"""Periodic jobs: requeue abandoned work, deliver webhooks, delete what has expired.

Every worker process runs all jobs, in three threads: quick ones, ones that call external
hosts, and slow ones. Jobs that only one process may do take a lock in the database.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connections
from django.db.models import QuerySet
from django.tasks import task_backends
from django.utils import timezone
from django_tasks_db.backend import DatabaseBackend
from django_tasks_db.models import DBTaskResult

from symdepot.blobs import temporary_files
from symdepot.blobs.configured import blob_store
from symdepot.jobs import locks
from symdepot.pipeline import program_kinds, symcache_backfill, upload_requests
from symdepot.pipeline.gc import collector
from symdepot.pipeline.webhooks import delivery
from symdepot.symbolication import pending_requests
from symdepot.symcaches import lifecycle
from symdepot.symcaches.disk_cache import disk_cache
from symdepot.uploads import chunk_verification

_TICK_SECONDS = 2.0
_FINISHED_TASK_AGE = timedelta(hours=1)
_STUCK_TASK_AGE = timedelta(days=1)
"""A task whose worker was killed stays RUNNING; its lease has long been given away."""
_SCRATCH_AGE = timedelta(days=1)
_ROWS_PER_DELETE = 500
_VERIFY_PAUSE_SECONDS = 10.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """A function that returns how many things it did, and the pause between runs."""

    name: str
    run: Callable[[], int]
    pause_seconds: float


def start_threads() -> None:
    """Run all jobs, in daemon threads."""
    for jobs in (QUICK_JOBS, NETWORK_JOBS, SLOW_JOBS):
        threading.Thread(target=run_jobs, args=(jobs,), daemon=True).start()


def run_jobs(jobs: Sequence[PeriodicJob]) -> None:
    """Run each job whenever its pause is over. A job that fails is logged and retried."""
    due = {job.name: 0.0 for job in jobs}
    while True:
        for job in jobs:
            if time.monotonic() >= due[job.name]:
                _run(job)
                due[job.name] = time.monotonic() + job.pause_seconds
        time.sleep(_TICK_SECONDS)


def prune_queue() -> int:
    """Delete tasks that ended an hour ago, and stuck ones; return how many."""
    now = timezone.now()
    finished = DBTaskResult.objects.finished().filter(
        finished_at__lt=now - _FINISHED_TASK_AGE
    )
    stuck = DBTaskResult.objects.running().filter(started_at__lt=now - _STUCK_TASK_AGE)
    return sum(_delete(rows) for rows in (finished, stuck))


def requeue_uploads() -> int:
    """Enqueue uploads whose worker died or whose task was lost; return how many."""
    has_own_queue = isinstance(task_backends["default"], DatabaseBackend)
    is_queue_empty = has_own_queue and not DBTaskResult.objects.ready().exists()
    return upload_requests.requeue_abandoned(is_queue_empty=is_queue_empty)


def sweep_scratch() -> int:
    """Delete scratch files whose process is gone; return how many.

    Of other machines: those that were not written to for a day.
    """
    return temporary_files.remove_abandoned(settings.SCRATCH_DIR, _SCRATCH_AGE)


def collect_garbage() -> int:
    """Collect garbage if it is due and no other process does; return the deletions."""
    if not settings.GC_INTERVAL_HOURS:
        return 0
    every = timedelta(hours=settings.GC_INTERVAL_HOURS)
    with locks.periodic_lock("gc", every=every) as renew:
        if renew is None:
            return 0
        report = collector.collect(lambda *_: renew())
    _log.info("gc.finished", count=report.count, freed_bytes=report.size_bytes)
    return report.count


def verify_chunks() -> int:
    """Verify stored chunks that are due, at a bounded rate; return how many are damaged."""
    every = timedelta(seconds=_VERIFY_PAUSE_SECONDS)
    if not settings.VERIFY_BYTES_PER_SECOND:
        return 0
    with locks.periodic_lock("verify", every=every) as renew:
        if renew is None:
            return 0
        limit_bytes = int(settings.VERIFY_BYTES_PER_SECOND * _VERIFY_PAUSE_SECONDS)
        found = chunk_verification.verify_due(blob_store(), limit_bytes=limit_bytes)
        return found.damaged


QUICK_JOBS = (
    PeriodicJob("requeue_uploads", requeue_uploads, 2.0),
    PeriodicJob("give_up_symcaches", lifecycle.give_up, 10.0),
    PeriodicJob("request_symcaches", symcache_backfill.request_missing, 10.0),
    PeriodicJob("clear_disk_cache", lambda: disk_cache().evict(), 600.0),
    PeriodicJob("delete_pending_requests", pending_requests.delete_expired, 600.0),
    PeriodicJob("prune_queue", prune_queue, 600.0),
    PeriodicJob("sweep_scratch", sweep_scratch, 3600.0),
    PeriodicJob(
        "sweep_incoming", lambda: blob_store().remove_stale(_SCRATCH_AGE), 3600.0
    ),
)
NETWORK_JOBS = (PeriodicJob("deliver_webhooks", delivery.deliver_due, 2.0),)
"""Jobs that call external hosts; a separate thread, so that they delay nothing else."""
SLOW_JOBS = (
    PeriodicJob("verify_chunks", verify_chunks, _VERIFY_PAUSE_SECONDS),
    PeriodicJob("correct_program_kinds", program_kinds.correct_program_kinds, 600.0),
    PeriodicJob("collect_garbage", collect_garbage, 60.0),
)
"""Jobs that may take hours; a separate thread, too."""


def _delete(rows: QuerySet[DBTaskResult[..., object]]) -> int:
    """Delete `rows` in batches, so that the database is never locked for long."""
    deleted = 0
    while batch := list(
        rows.order_by("pk").values_list("pk", flat=True)[:_ROWS_PER_DELETE]
    ):
        deleted += DBTaskResult.objects.filter(pk__in=batch).delete()[0]
        if len(batch) < _ROWS_PER_DELETE:
            break
    return deleted


def _run(job: PeriodicJob) -> None:
    try:
        count = job.run()
    except Exception:  # noqa: BLE001 -- the thread must not end
        _log.exception("job.failed", job=job.name)
    else:
        if count:
            _log.info("job.finished", job=job.name, count=count)
    finally:
        connections.close_all()
