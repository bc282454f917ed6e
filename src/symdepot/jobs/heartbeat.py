"""A thread that renews the lease on a row while the worker works on it."""

import threading
from types import TracebackType
from typing import Self

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from symdepot.domain.errors import LeaseLost
from symdepot.jobs import leases
from symdepot.jobs.leases import LeasedRow

_RENEWALS_PER_LEASE = 3
_log = structlog.get_logger(__name__)


class Heartbeat:
    """Context manager that renews the lease on `row` three times a lease.

    Work that is shorter than a third of a lease causes no renewal. If the lease is
    lost, renewing ends and the work goes on: its last transaction will fail.
    """

    def __init__(self, row: LeasedRow) -> None:
        self._row = row
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        pause_seconds = settings.LEASE_SECONDS / _RENEWALS_PER_LEASE
        try:
            while not self._is_over.wait(pause_seconds):
                try:
                    leases.renew(self._row)
                except LeaseLost:
                    return
                except DatabaseError as error:
                    _log.warning("heartbeat.failed", error=str(error).strip())
        finally:
            connection.close()
