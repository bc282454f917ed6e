"""Brings back work that was left lying, and clears away what is done with."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connections
from django.db.models import QuerySet
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from symdepot.blobs.configured import blob_store
from symdepot.jobs import locks
from symdepot.pipeline import intake, symcache_backfill
from symdepot.pipeline.gc import collector
from symdepot.pipeline.webhooks import delivery
from symdepot.symbolication import pending_requests
from symdepot.symcaches.disk_cache import disk_cache

_REDRIVE_SECONDS = 2.0
_CATCH_UP_SECONDS = 10.0
_PRUNE_SECONDS = 600.0
_SWEEP_SECONDS = 3600.0
_FINISHED_KEPT = timedelta(hours=1)
_STUCK_KEPT = timedelta(days=1)
"""A task whose worker was killed is RUNNING for ever; leases have long redone it."""
_SCRATCH_KEPT = timedelta(days=1)
_AT_ONCE = 500
Job = tuple[Callable[[], int], float]
"""What to do, which says how much was done, and how many seconds to rest from it."""

NETWORK_JOBS: tuple[Job, ...] = ((delivery.deliver_due, _REDRIVE_SECONDS),)
"""Rounds that wait for strangers; they go in a thread of their own, to hold up none."""

_GC = "gc"
_GC_LOOK_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class PeriodicJobs(threading.Thread):
    """A thread beside the worker. Whatever goes wrong in it is logged, and tried again."""

    def __init__(self, rounds: Sequence[Job] = ()) -> None:
        super().__init__(name="caretaker", daemon=True)
        self._rounds = rounds or (
            (intake.requeue_abandoned, _REDRIVE_SECONDS),
            (redrive_symcaches, _REDRIVE_SECONDS),
            (catch_up_with_symcaches, _CATCH_UP_SECONDS),
            (clear_shelf, _PRUNE_SECONDS),
            (forget_questions, _PRUNE_SECONDS),
            (prune_queue, _PRUNE_SECONDS),
            (sweep_scratch, _SWEEP_SECONDS),
            (sweep_incoming, _SWEEP_SECONDS),
        )

    def run(self) -> None:
        """Go the rounds, each as often as it needs."""
        due = dict.fromkeys((round_ for round_, _ in self._rounds), 0.0)
        while True:
            for round_, pause_seconds in self._rounds:
                if time.monotonic() >= due[round_]:
                    _go(round_)
                    due[round_] = time.monotonic() + pause_seconds
            time.sleep(_REDRIVE_SECONDS)


def redrive_symcaches() -> int:
    """Queue again the symcaches whose worker left them lying; return how many."""
    return symcache_backfill.requeue_abandoned()


def catch_up_with_symcaches() -> int:
    """Queue symcaches that are missing; return of how many files."""
    return symcache_backfill.request_missing()


def clear_shelf() -> int:
    """Remove symcaches from this machine's disk that nobody uses; return how many."""
    return disk_cache().clear()


def forget_questions() -> int:
    """Forget requests whose answer nobody came for; return how many."""
    return pending_requests.delete_expired()


def prune_queue() -> int:
    """Delete tasks that ended an hour ago; return how many.

    What they were about is told by the rows that they wrote.
    """
    now = timezone.now()
    finished = DBTaskResult.objects.finished().filter(
        finished_at__lt=now - _FINISHED_KEPT
    )
    stuck = DBTaskResult.objects.running().filter(started_at__lt=now - _STUCK_KEPT)
    return sum(_delete(rows) for rows in (finished, stuck))


def sweep_scratch() -> int:
    """Delete scratch files that nobody has touched for a day; return how many."""
    too_old = time.time() - _SCRATCH_KEPT.total_seconds()
    swept = 0
    for path in settings.SCRATCH_DIR.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_mtime < too_old:
                path.unlink()
                swept += 1
    return swept


def sweep_incoming() -> int:
    """Forget what crashed uploads left in the store; return how many blobs."""
    return blob_store().remove_stale(_SCRATCH_KEPT)


def collect_garbage() -> int:
    """Clear away what nobody needs, if that is due; return how much that was.

    Of all the processes of an installation one does it.
    """
    if not settings.GC_INTERVAL_HOURS:
        return 0
    every = timedelta(hours=settings.GC_INTERVAL_HOURS)
    with locks.periodic_lock(_GC, every=every) as go_on:
        if go_on is None:
            return 0
        report = collector.collect(lambda *_: go_on())
    _log.info("swept", count=report.count, freed_bytes=report.size_bytes)
    return report.count


SLOW_JOBS: tuple[Job, ...] = ((collect_garbage, _GC_LOOK_SECONDS),)
"""Rounds that may take hours, in a thread of their own."""


def _delete(rows: QuerySet[DBTaskResult[..., object]]) -> int:
    """Delete `rows` a few at a time, so that nobody waits long for the database."""
    deleted = 0
    while some := list(rows.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]):
        deleted += DBTaskResult.objects.filter(pk__in=some).delete()[0]
        if len(some) < _AT_ONCE:
            break
    return deleted


def _go(round_: Callable[[], int]) -> None:
    try:
        done = round_()
    except Exception:  # noqa: BLE001 -- the outermost door of a thread that must not end
        _log.exception("a round failed", round=round_.__name__)
    else:
        if done:
            _log.info("a round is done", round=round_.__name__, count=done)
    finally:
        connections.close_all()
