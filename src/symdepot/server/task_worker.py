"""The background worker: runs tasks from the queue, and the periodic jobs."""

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

_DATABASE_RETRY_SECONDS = 1.0
_SYMCACHE_POLL_SECONDS = 1.0
_SYMCACHE_STOP_SECONDS = 3.0
_log = structlog.get_logger(__name__)


def work() -> None:
    """Run tasks until SIGTERM or SIGINT; the current task is finished first.

    Survives a database outage.
    """
    periodic_jobs.start_threads()
    if not isinstance(task_backends["default"], DatabaseBackend):
        _log.warning("queue.skipped", task_backend=settings.CONFIG.task_backend)
        while True:
            time.sleep(3600)
    # Its warnings are about Ctrl-C; failures are logged as errors.
    logging.getLogger("django_tasks_db").setLevel(logging.ERROR)
    with suppress(SandboxUnavailable):  # the first file tries again, and reports it
        operations.warm_up()
    worker = new_worker()
    worker.configure_signals()
    _log.info("worker.started", worker=worker.worker_id)
    with symcache_thread():
        while worker.running:
            run_queued_tasks(worker)


@contextmanager
def symcache_thread() -> Iterator[None]:
    """Create symcaches in a thread beside the block, if symcaches are on.

    So no upload waits for a symcache; conversion runs in a child process of low
    priority. When the block ends, unfinished conversions are left to other workers.
    """
    if not settings.SYMCACHES:
        yield
        return
    worker = new_worker([tasks.SYMCACHE_QUEUE], [], _SYMCACHE_POLL_SECONDS)
    thread = threading.Thread(target=_work_in_thread, args=(worker,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker.running = False
        operations.stop_conversion()
        thread.join(_SYMCACHE_STOP_SECONDS)


def run_queued_tasks(worker: Worker) -> None:
    """Run the tasks that are queued, then sleep for the poll interval.

    Looks before it claims: claiming locks the whole of an SQLite database.
    """
    try:
        close_old_connections()
        if _ready_tasks(worker).exists():
            worker.run()
    except DatabaseError as error:
        _log.warning("database.failed", error=str(error).strip())
        connection.close()
        time.sleep(_DATABASE_RETRY_SECONDS)
    else:
        close_old_connections()
        time.sleep(worker.interval)


def new_worker(
    queues: Sequence[str] = ("*",),
    excluded: Sequence[str] = (tasks.SYMCACHE_QUEUE,),
    poll_seconds: float | None = None,
) -> Worker:
    """Return a worker of these queues whose `run` returns when they are empty."""
    return Worker(
        queue_names=list(queues),
        excluded_queue_names=list(excluded),
        backend_name="default",
        interval=poll_seconds or settings.CONFIG.worker_poll,
        batch=True,  # return when the queue is empty
        startup_delay=False,
        max_tasks=None,
        worker_id=get_random_string(16),
    )


def _work_in_thread(worker: Worker) -> None:
    try:
        while worker.running:
            run_queued_tasks(worker)
    finally:
        connections.close_all()


def _ready_tasks(worker: Worker) -> QuerySet[DBTaskResult[..., object]]:
    ready = DBTaskResult.objects.ready().exclude(
        queue_name__in=worker.excluded_queue_names
    )
    if worker.process_all_queues:
        return ready
    return ready.filter(queue_name__in=worker.queue_names)
