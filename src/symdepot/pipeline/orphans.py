"""Looks through the store for blobs that no row names."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import batched

from django.conf import settings
from django.utils import timezone

from symdepot.blobs.configured import blob_store
from symdepot.blobs.store import Stored
from symdepot.pipeline import freeing

_AT_ONCE = 1000


def scan(step: Callable[[int], object]) -> Iterator[Stored]:
    """Yield the blobs that no row names and that are old enough to be orphans.

    Bytes come before rows: what is younger than the grace may yet be named. `step` is
    told how many blobs have been looked at.
    """
    before = timezone.now() - grace()
    for some in batched(blob_store().stored(), _AT_ONCE):
        old = {blob.checksum: blob for blob in some if blob.written_at < before}
        for name in old.keys() - freeing.named(old):
            yield old[name]
        step(len(some))


def grace() -> timedelta:
    """Return how long a blob may lie without a row."""
    return timedelta(hours=settings.ORPHAN_GRACE_HOURS)
