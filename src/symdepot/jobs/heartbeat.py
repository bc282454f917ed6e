"""A thread that renews the lease on a row while the worker works on it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from symdepot.domain.errors import LeaseLost
from symdepot.jobs import leases
from symdepot.jobs.leases import LeasedRow

_log = structlog.get_logger(__name__)


@contextmanager
def heartbeat(row: LeasedRow) -> Iterator[None]:
    """Renew the lease on `row` three times a lease during the block.

    Work that is shorter than a third of a lease causes no renewal. If the lease is
    lost, renewing ends and the work goes on: its last transaction will fail.
    """
    is_over = threading.Event()
    thread = threading.Thread(target=_renew_until, args=(is_over, row), daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _renew_until(is_over: threading.Event, row: LeasedRow) -> None:
    pause_seconds = settings.LEASE_SECONDS / 3
    try:
        while not is_over.wait(pause_seconds):
            try:
                leases.renew(row)
            except LeaseLost:
                return
            except DatabaseError as error:
                _log.warning("heartbeat.failed", error=str(error).strip())
    finally:
        connection.close()
