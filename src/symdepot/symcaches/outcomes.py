"""Says what is known of the symcaches of debug files."""

from collections.abc import Collection

from django.conf import settings

from symdepot.debugfiles.models import DebugFile
from symdepot.symcaches.models import Outcome, SymCache, SymCacheQuerySet


def of(debug_files: Collection[DebugFile]) -> dict[int, SymCache]:
    """Return the symcaches of these, by the ids of their rows; in one question.

    Those of which none would be of use have none.
    """
    return _matched(debug_files, SymCache.objects.all())


def failures(debug_files: Collection[DebugFile]) -> dict[int, str]:
    """Return why no symcaches could be made of these, by the ids of their rows."""
    failed = SymCache.objects.filter(outcome=Outcome.FAILED)
    return {pk: row.detail for pk, row in _matched(debug_files, failed).items()}


def _matched(
    debug_files: Collection[DebugFile], rows: SymCacheQuerySet
) -> dict[int, SymCache]:
    if not debug_files or not settings.SYMCACHES:
        return {}
    found = rows.present({one.file_id for one in debug_files})
    known = {(row.file_id, row.debug_id, row.arch): row for row in found}
    return {one.pk: known[key] for one in debug_files if (key := _key(one)) in known}


def _key(one: DebugFile) -> tuple[int, str, str]:
    return (one.file_id, str(one.object_file().debug_id.uuid), one.arch)
