"""The background worker: runs tasks, creates symcaches, and runs the periodic jobs."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection, connections
from django.tasks import task_backends
from django.utils.crypto import get_random_string
from django_tasks_db.backend import DatabaseBackend
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from symdepot.blobs.configured import blob_store
from symdepot.domain.errors import SandboxUnavailable, StorageUnavailable
from symdepot.pipeline import tasks
from symdepot.sandbox import operations
from symdepot.server import periodic_jobs

_DATABASE_RETRY_SECONDS = 1.0
_STORE_RETRY_SECONDS = 2.0
_SYMCACHE_POLL_SECONDS = 0.5
_SYMCACHE_STOP_SECONDS = 3.0
_log = structlog.get_logger(__name__)


def work() -> None:
    """Run tasks until SIGTERM or SIGINT; the current task is finished first.

    Survives a database outage.
    """
    periodic_jobs.start_threads()
    if not isinstance(task_backends["default"], DatabaseBackend):
        _log.warning("queue.skipped", task_backend=settings.CONFIG.task_backend)
        with symcache_thread():
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

    So no upload waits for a symcache, and no symcache for an upload; conversion runs in
    a child process of low priority. When the block ends, unfinished conversions are left
    to other workers.
    """
    if not settings.SYMCACHES:
        yield
        return
    is_over = threading.Event()
    thread = threading.Thread(target=_create_symcaches, args=(is_over,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        operations.stop_conversion()
        thread.join(_SYMCACHE_STOP_SECONDS)


def run_queued_tasks(worker: Worker) -> None:
    """Run the tasks that are queued, then sleep for the poll interval.

    Looks before it claims: claiming locks the whole of an SQLite database.
    """
    try:
        close_old_connections()
        if DBTaskResult.objects.ready().exists():
            blob_store().require_known()
            worker.run()
    except StorageUnavailable as error:
        time.sleep(_log_refusal(error))
    except DatabaseError as error:
        _log.warning("database.failed", error=str(error).strip())
        connection.close()
        time.sleep(_DATABASE_RETRY_SECONDS)
    else:
        close_old_connections()
        time.sleep(worker.interval)


def new_worker() -> Worker:
    """Return a worker whose `run` returns when the queue is empty."""
    return Worker(
        queue_names=["*"],
        excluded_queue_names=[],
        backend_name="default",
        interval=settings.CONFIG.worker_poll,
        batch=True,  # return when the queue is empty
        startup_delay=False,
        max_tasks=None,
        worker_id=get_random_string(16),
    )


def _create_symcaches(is_over: threading.Event) -> None:
    try:
        while not is_over.is_set():
            is_over.wait(_create_next_symcache())
            close_old_connections()
    finally:
        connections.close_all()


def _create_next_symcache() -> float:
    """Create one symcache. Returns the seconds to wait until the next."""
    try:
        blob_store().require_known()
        is_created = tasks.create_next_symcache()
    except StorageUnavailable as error:
        return _log_refusal(error)
    except DatabaseError as error:
        _log.warning("database.failed", error=str(error).strip())
    except Exception:  # noqa: BLE001 -- the thread must not end
        _log.exception("symcache.failed")
    else:
        return 0.0 if is_created else _SYMCACHE_POLL_SECONDS
    connection.close()
    return _DATABASE_RETRY_SECONDS


def _log_refusal(error: StorageUnavailable) -> float:
    """Log that the store is not that of the database. Returns the seconds to wait."""
    _log.warning("store.refused", error=str(error))
    return _STORE_RETRY_SECONDS
