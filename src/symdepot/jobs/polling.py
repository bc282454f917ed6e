"""Waiting for work of other processes: growing pauses, and few threads that wait."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.db import close_old_connections


class Backoff:
    """Pauses between the checks of one wait, each longer than the one before.

    Used as `while not is_done() and backoff.pause(): ...`. `deadline` is a time of
    `time.monotonic`.
    """

    def __init__(
        self, deadline: float, *, first_seconds: float, max_seconds: float
    ) -> None:
        self._deadline = deadline
        self._pause_seconds = first_seconds
        self._max_seconds = max_seconds

    def pause(self) -> bool:
        """Sleep until the next check is due. False at once if the deadline has passed.

        Does not sleep beyond the deadline. Closes a database connection that is broken
        or too old, as Django does between requests.
        """
        left_seconds = self._deadline - time.monotonic()
        if left_seconds <= 0:
            return False
        close_old_connections()
        time.sleep(min(self._pause_seconds, left_seconds))
        self._pause_seconds = min(self._pause_seconds * 1.5, self._max_seconds)
        return True


@contextmanager
def waiting_slot(slots: BoundedSemaphore) -> Iterator[bool]:
    """Take one of `slots` for the block, without waiting. Yields whether one was free.

    With fewer slots than request threads, requests that wait cannot block the others.
    """
    is_free = slots.acquire(blocking=False)
    try:
        yield is_free
    finally:
        if is_free:
            slots.release()
