"""How often somebody asks, counted for all processes of a machine together."""

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
    """A file with a place for each asker: until when what he asked for has used his due.

    Two askers in a million pairs share a place, and their due. What is due to him
    comes back evenly; a minute's worth may be had at once.

    Source: the generic cell rate algorithm (ITU-T I.371, annex A).
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # What is written to memory for which the disk has no room ends the process.
        os.posix_fallocate(self._file, 0, _SLOTS * _SLOT.size)
        self._places = mmap.mmap(self._file, _SLOTS * _SLOT.size)
        self._lock = threading.Lock()

    def spend(self, asker: str, *, a_minute: int) -> None:
        """Count one request of `asker`, who has so many a minute; 0 is no limit.

        Raises:
            RateExceeded: he has had them; this one is not counted.
        """
        if not a_minute:
            return
        digest = hashlib.blake2b(asker.encode(), digest_size=8).digest()
        place = int.from_bytes(digest) % _SLOTS * _SLOT.size
        now, each_seconds = time.time(), _MINUTE_SECONDS / a_minute
        with self._alone():
            (used_until,) = _SLOT.unpack_from(self._places, place)
            # A clock that was put back must shut nobody out.
            used_until = max(min(used_until, now + _MINUTE_SECONDS), now)
            too_early_seconds = used_until + each_seconds - now - _MINUTE_SECONDS
            if too_early_seconds > 0:
                raise RateExceeded(a_minute, retry_after_seconds=too_early_seconds)
            _SLOT.pack_into(self._places, place, used_until + each_seconds)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock:
            flock(self._file, LOCK_EX)
            try:
                yield
            finally:
                flock(self._file, LOCK_UN)


@cache
def rate_limiter() -> RateLimiter:
    """Return the rates of this machine, the same ones each time."""
    return RateLimiter(Path(settings.RATES_FILE))
