"""Keeps the lease on an assembly alive while the work on it goes on."""

import threading
from types import TracebackType
from typing import Self

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from symdepot.domain.errors import LeaseLost
from symdepot.uploads import assembly
from symdepot.uploads.models import Assembly

_BEATS_PER_LEASE = 3
_log = structlog.get_logger(__name__)


class Heartbeat:
    """Renews the lease of `held` from a thread of its own; short work never beats.

    Losing the lease is not told to the work: its last transaction finds out.
    """

    def __init__(self, held: Assembly) -> None:
        self._held = held
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
                    assembly.renew(self._held)
                except LeaseLost:
                    return
                except DatabaseError as error:
                    _log.warning("lease not renewed", error=str(error))
        finally:
            connection.close()
