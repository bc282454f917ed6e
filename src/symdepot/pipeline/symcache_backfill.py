"""Queues the symcaches that are missing."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.db.models.functions import Substr

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.symcache import conversion
from symdepot.jobs import locks
from symdepot.symcaches import lifecycle
from symdepot.symcaches.models import VERSION, SymCache
from symdepot.uploads import chunks

_LOCK = "symcaches"
_MAX_FILES = 500
_UUID_LENGTH = 36


def request_missing() -> int:
    """Queue symcaches of debug files without one. Returns the number of files.

    Such files were uploaded while `settings.SYMCACHES` was off, or have a symcache of an
    earlier version. Runs every ten minutes in one process of an installation; while many
    are missing, again as soon as the last ones are finished.
    """
    unfinished = SymCache.objects.filter(
        version=VERSION, lease_expires_at__isnull=False
    )
    if not settings.SYMCACHES or unfinished.exists():
        return 0
    holder = locks.acquire(_LOCK, every=timedelta(minutes=10))
    if holder is None:
        return 0
    found = list(islice(_files_without_symcache(), _MAX_FILES))
    with chunks.not_while_freeing():
        rows = DebugFile.objects.filter(pk__in=[row.pk for row in found])
        present = rows.select_related("file")
        objects = [(row.file, row.object_file()) for row in present]
        lifecycle.request(objects)
    if len(found) == _MAX_FILES:
        locks.release(_LOCK, holder)
    else:
        locks.finish(_LOCK, holder)
    return len(found)


def _files_without_symcache() -> Iterator[DebugFile]:
    """Yield files that lack a symcache of the present version, newest first."""
    present = SymCache.objects.filter(
        file=OuterRef("file"),
        debug_id=Substr(OuterRef("debug_id"), 1, _UUID_LENGTH),
        arch=OuterRef("arch"),
        version=VERSION,
    )
    rows = DebugFile.objects.current().filter(
        ~Exists(present), file_format__in=conversion.CONVERTIBLE_FORMATS
    )
    for row in rows.order_by("-pk").iterator(_MAX_FILES):
        if conversion.is_convertible(row.object_file()):
            yield row
