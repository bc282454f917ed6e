"""Takes tasks from the queue and runs them, for as long as this process lives."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection, connections
from django.db.models import QuerySet
from django.tasks import task_backends
from django.utils.crypto import get_random_string
from django_tasks_db.backend import DatabaseBackend
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from symdepot.domain.errors import SandboxUnavailable
from symdepot.pipeline import tasks
from symdepot.sandbox import operations
from symdepot.server import periodic_jobs
from symdepot.server.periodic_jobs import PeriodicJobs

_RETRY_SECONDS = 1.0
_SYMCACHES_PAUSE_SECONDS = 1.0
_LEAVING_SECONDS = 3.0
_log = structlog.get_logger(__name__)


def work() -> None:
    """Run tasks until SIGTERM or SIGINT; a task in hand is finished first.

    Outlasts a database that is away for a while.
    """
    PeriodicJobs().start()
    PeriodicJobs(periodic_jobs.NETWORK_JOBS).start()
    PeriodicJobs(periodic_jobs.SLOW_JOBS).start()
    if not isinstance(task_backends["default"], DatabaseBackend):
        _log.warning(
            "this queue has workers of its own; here only care is taken of it",
            task_backend=settings.CONFIG.task_backend,
        )
        while True:
            time.sleep(3600)
    # Its warnings speak of Ctrl-C; what fails, it says louder.
    logging.getLogger("django_tasks_db").setLevel(logging.ERROR)
    with suppress(SandboxUnavailable):  # the first file would say so, and try again
        operations.warm_up()
    worker = new_worker()
    worker.configure_signals()
    _log.info("at work", worker=worker.worker_id)
    with symcache_thread():
        while worker.running:
            look_for_work(worker)


@contextmanager
def symcache_thread() -> Iterator[None]:
    """Make symcaches beside the work of the block, if they are made here.

    In a thread of its own, so that however many there are and however long each
    takes, no upload waits for one; the conversion itself goes on in a child process
    that lets all others go first. At the end, what is in hand is left to others.
    """
    if not settings.SYMCACHES:
        yield
        return
    worker = new_worker(
        queues=[tasks.SYMCACHE_QUEUE],
        excluded=[],
        pause_seconds=_SYMCACHES_PAUSE_SECONDS,
    )
    thread = threading.Thread(
        target=_look_on, args=(worker,), name="symcaches", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        worker.running = False
        operations.stop_conversion()
        thread.join(_LEAVING_SECONDS)


def look_for_work(worker: Worker) -> None:
    """Run what is queued; if nothing is, rest a moment.

    Asks before it takes, since taking locks all of an SQLite database.
    """
    try:
        close_old_connections()
        if _ready_for(worker).exists():
            worker.run()
    except DatabaseError as error:
        _log.warning("the database does not answer", error=str(error).strip())
        connection.close()
        time.sleep(_RETRY_SECONDS)
    else:
        close_old_connections()
        time.sleep(worker.interval)


def new_worker(
    queues: Sequence[str] = ("*",),
    excluded: Sequence[str] = (tasks.SYMCACHE_QUEUE,),
    pause_seconds: float | None = None,
) -> Worker:
    """Return a worker that runs what is in these queues, and then returns."""
    return Worker(
        queue_names=list(queues),
        excluded_queue_names=list(excluded),
        backend_name="default",
        interval=pause_seconds or settings.CONFIG.worker_poll,
        # To return when the queue is empty, instead of asking again by itself.
        batch=True,
        startup_delay=False,
        max_tasks=None,
        worker_id=get_random_string(16),
    )


def _look_on(worker: Worker) -> None:
    try:
        while worker.running:
            look_for_work(worker)
    finally:
        connections.close_all()


def _ready_for(worker: Worker) -> QuerySet[DBTaskResult[..., object]]:
    ready = DBTaskResult.objects.ready().exclude(
        queue_name__in=worker.excluded_queue_names
    )
    if worker.process_all_queues:
        return ready
    return ready.filter(queue_name__in=worker.queue_names)
