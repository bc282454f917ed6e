"""Sees that each debug file comes to its symcache, whatever happened in between."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Substr
from django.utils import timezone

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.symcache import conversion
from symdepot.jobs import leases
from symdepot.pipeline import tasks
from symdepot.symcaches import creation
from symdepot.symcaches.models import VERSION, SymCache
from symdepot.uploads import chunks, locks

_SWEEP = "symcaches"
_EVERY = timedelta(minutes=10)
_AT_ONCE = 500
_UUID_LENGTH = 36


def requeue_abandoned() -> int:
    """Queue again what its worker left lying; return how many symcaches that were."""
    if not settings.SYMCACHES or not creation.any_abandoned():
        return 0
    with transaction.atomic():
        sizes = creation.requeue_abandoned()
    tasks.enqueue_symcaches(sizes)
    return len(sizes)


def request_missing() -> int:
    """Queue symcaches that nobody has asked for; return how many files that were.

    Those are of files that came before symcaches were made, or whose symcaches are of
    an earlier version. One process of an installation looks, every ten minutes; while
    many are missing, again as soon as the last ones are made.
    """
    if not settings.SYMCACHES or creation.is_anything_queued():
        return 0
    holder = locks.acquire(_SWEEP, every=_EVERY)
    if holder is None:
        return 0
    found = list(islice(_without(), _AT_ONCE))
    with chunks.not_while_freeing():
        files = DebugFile.objects.filter(pk__in=[row.pk for row in found])
        wanted = [(row.file, row.object_file()) for row in files.select_related("file")]
        creation.request(wanted, until=leases.queued_until(timezone.now()))
    tasks.enqueue_symcaches(creation.waiting([file.pk for file, _ in wanted]))
    if len(found) == _AT_ONCE:
        locks.release(_SWEEP, holder)
    else:
        locks.finish(_SWEEP, holder)
    return len(found)


def _without() -> Iterator[DebugFile]:
    """Yield those that should have a symcache of the present version, newest first."""
    present = SymCache.objects.filter(
        file=OuterRef("file"),
        debug_id=Substr(OuterRef("debug_id"), 1, _UUID_LENGTH),
        arch=OuterRef("arch"),
        version=VERSION,
    )
    rows = DebugFile.objects.current().filter(
        ~Exists(present), file_format__in=conversion.CONVERTIBLE_FORMATS
    )
    for row in rows.order_by("-pk").iterator(_AT_ONCE):
        if conversion.is_convertible(row.object_file()):
            yield row
