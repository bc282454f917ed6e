"""Rate limiter, shared by all processes of a machine."""

import hashlib
import mmap
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_UN, flock
from functools import cache
from pathlib import Path
from struct import Struct

from django.conf import settings

from symdepot.domain.errors import RateExceeded

_MINUTE_SECONDS = 60.0
_SLOTS = 16_384
_SLOT = Struct("<d")


class RateLimiter:
    """Limits requests per minute (GCRA) in a mapped file of 16,384 slots.

    Callers are hashed to a slot, so a pair shares one with probability 1/16,384. A slot
    holds the time until which the caller's requests are paid for. A minute's worth of
    requests may come at once; the allowance grows back evenly.

    Source: the generic cell rate algorithm (ITU-T I.371, annex A).
    """

    def __init__(self, path: Path) -> None:
        """Map the file at `path`, which is created if missing.

        Raises:
            OSError: the disk is full or failed.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Writing to mapped memory kills the process if the disk is full.
            os.posix_fallocate(self._file, 0, _SLOTS * _SLOT.size)
            self._slots = mmap.mmap(self._file, _SLOTS * _SLOT.size)
        except OSError:
            os.close(self._file)
            raise
        self._lock = threading.Lock()

    def consume(self, caller: str, *, per_minute: int) -> None:
        """Count one request of `caller`; 0 `per_minute` is no limit.

        Raises:
            RateExceeded: too many; this one is not counted.
        """
        if not per_minute:
            return
        digest = hashlib.blake2b(caller.encode(), digest_size=8).digest()
        offset = int.from_bytes(digest) % _SLOTS * _SLOT.size
        now, interval_seconds = time.time(), _MINUTE_SECONDS / per_minute
        with self._locked():
            (used_until,) = _SLOT.unpack_from(self._slots, offset)
            # If the clock was set back, nothing is paid for beyond a minute.
            used_until = max(min(used_until, now + _MINUTE_SECONDS), now)
            too_early_seconds = used_until + interval_seconds - now - _MINUTE_SECONDS
            if too_early_seconds > 0:
                raise RateExceeded(per_minute, retry_after_seconds=too_early_seconds)
            _SLOT.pack_into(self._slots, offset, used_until + interval_seconds)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock:
            flock(self._file, LOCK_EX)
            try:
                yield
            finally:
                flock(self._file, LOCK_UN)


@cache
def rate_limiter() -> RateLimiter:
    """Return the rate limiter of this machine."""
    return RateLimiter(Path(settings.RATES_FILE))
