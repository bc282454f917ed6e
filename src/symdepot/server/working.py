"""Takes tasks from the queue and runs them, for as long as this process lives."""

import logging
import time
from contextlib import suppress

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from django.tasks import task_backends
from django.utils.crypto import get_random_string
from django_tasks_db.backend import DatabaseBackend
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from symdepot.domain.errors import SandboxUnavailable
from symdepot.sandbox import inspecting
from symdepot.server.caretaking import Caretaker

_RETRY_SECONDS = 1.0
_log = structlog.get_logger(__name__)


def work() -> None:
    """Run tasks until SIGTERM or SIGINT; a task in hand is finished first.

    Outlasts a database that is away for a while.
    """
    Caretaker().start()
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
        inspecting.warm_up()
    worker = a_worker()
    worker.configure_signals()
    _log.info("at work", worker=worker.worker_id)
    while worker.running:
        look_for_work(worker)


def look_for_work(worker: Worker) -> None:
    """Run what is queued; if nothing is, rest a moment.

    Asks before it takes, since taking locks all of an SQLite database.
    """
    try:
        close_old_connections()
        if DBTaskResult.objects.ready().exists():
            worker.run()
    except DatabaseError as error:
        _log.warning("the database does not answer", error=str(error).strip())
        connection.close()
        time.sleep(_RETRY_SECONDS)
    else:
        close_old_connections()
        time.sleep(settings.CONFIG.worker_poll)


def a_worker() -> Worker:
    """Return a worker that runs what is queued, and then returns."""
    return Worker(
        queue_names=["*"],
        excluded_queue_names=[],
        backend_name="default",
        interval=settings.CONFIG.worker_poll,
        # To return when the queue is empty, instead of asking again by itself.
        batch=True,
        startup_delay=False,
        max_tasks=None,
        worker_id=get_random_string(16),
    )
