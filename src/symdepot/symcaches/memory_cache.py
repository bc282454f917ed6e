"""Symcaches that are open, so that the next request need not open them again."""

import threading
from collections import OrderedDict
from functools import cache

from symdepot.domain.ids import Checksum
from symdepot.domain.symcache.reader import OpenSymCache

_MOST = 128
"""How many a process keeps open; each is mapped, and has its names as they are asked."""


class MemoryCache:
    """Keeps the symcaches that were used last, by what they hash to."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Checksum, OpenSymCache] = OrderedDict()

    def get(self, checksum: Checksum) -> OpenSymCache | None:
        """Return the symcache with these bytes, if it is open."""
        with self._lock:
            known = self._kept.get(checksum)
            if known is not None:
                self._kept.move_to_end(checksum)
            return known

    def add(self, checksum: Checksum, opened: OpenSymCache) -> OpenSymCache:
        """Keep one that was opened, or return the one that somebody opened meanwhile.

        What was not used for longest goes; whoever still holds it may use it.
        """
        with self._lock:
            known = self._kept.setdefault(checksum, opened)
            self._kept.move_to_end(checksum)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return known


@cache
def memory_cache() -> MemoryCache:
    """Return the pool of this process, the same one each time."""
    return MemoryCache()
