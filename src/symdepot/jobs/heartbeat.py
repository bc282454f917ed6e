"""Keeps the lease on some work alive while the work goes on."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from symdepot.domain.errors import LeaseLost

_BEATS_PER_LEASE = 3
_log = structlog.get_logger(__name__)


class Heartbeat:
    """Calls `renew` from a thread of its own, thrice a lease; short work never beats.

    If that raises `LeaseLost`, the heart stops. The work is not told: its last
    transaction finds out.
    """

    def __init__(self, renew: Callable[[], None]) -> None:
        self._renew = renew
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        pause_seconds = settings.LEASE_SECONDS / _BEATS_PER_LEASE
        try:
            while not self._over.wait(pause_seconds):
                try:
                    self._renew()
                except LeaseLost:
                    return
                except DatabaseError as error:
                    _log.warning("lease not renewed", error=str(error))
        finally:
            connection.close()
