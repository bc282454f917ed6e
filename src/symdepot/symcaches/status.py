"""Says what is known of the symcaches of debug files.

Why there is nothing for an id: what is almost it, and what became of that.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from django.conf import settings

from symdepot.debugfiles import missing_ids, near_misses
from symdepot.debugfiles.models import DebugFile, WantedId
from symdepot.debugfiles.near_misses import NearMiss, NearMissKind, RequestedIds
from symdepot.domain.ids import CodeId, DebugId
from symdepot.projects.models import Project
from symdepot.symcaches.models import Outcome, SymCache, SymCacheQuerySet


def latest_rows(debug_files: Collection[DebugFile]) -> dict[int, SymCache]:
    """Return the symcaches of these, by the ids of their rows; in one question.

    Those of which none would be of use have none.
    """
    return _matched(debug_files, SymCache.objects.all())


def failure_reasons(debug_files: Collection[DebugFile]) -> dict[int, str]:
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


_FIT = frozenset({NearMissKind.HERE, NearMissKind.NO_PROGRAM})
"""Of which a symcache should have been made."""


def explain_misses(
    project: Project, sought: Collection[RequestedIds]
) -> dict[RequestedIds, list[NearMiss]]:
    """Return what `near.misses` does; of which no symcache could be made, say that."""
    found = near_misses.find_near_misses(project, sought)
    rows = {
        miss.debug_file
        for group in found.values()
        for miss in group
        if miss.debug_file is not None and miss.kind in _FIT
    }
    reasons = failure_reasons(rows)
    return {one: [_with(reasons, miss) for miss in found[one]] for one in found}


def missing_ids_as_json(
    project: Project, rows: Sequence[WantedId]
) -> list[dict[str, object]]:
    """Return wanted ids of `project` as JSON takes them, each with its near misses."""
    sought = [_sought(row) for row in rows]
    found = explain_misses(project, sought)
    return [
        missing_ids.as_json(row)
        | {"nearMisses": [near_miss_as_json(miss) for miss in found[one]]}
        for row, one in zip(rows, sought, strict=True)
    ]


def near_miss_as_json(miss: NearMiss) -> dict[str, object]:
    """Return a near miss as JSON takes it; without a debug file its ids are None."""
    row = miss.debug_file
    return {
        "kind": miss.kind,
        "text": miss.text,
        "id": None if row is None else str(row.pk),
        "debugId": None if row is None else row.debug_id,
        "codeId": None if row is None else row.code_id or None,
        "name": None if row is None else row.object_name,
    }


def _sought(row: WantedId) -> RequestedIds:
    return RequestedIds(
        DebugId.parse_or_none(row.debug_id),
        CodeId(row.code_id) if row.code_id else None,
        row.name,
    )


def _with(failures: dict[int, str], miss: NearMiss) -> NearMiss:
    row = miss.debug_file
    if row is None or miss.kind not in _FIT or row.pk not in failures:
        return miss
    why = f"no symcache could be made of it: {failures[row.pk]}"
    text = f"{near_misses.describe_file(row)} is here under this id, and {why}"
    return replace(miss, kind=NearMissKind.NO_SYMCACHE, text=text)
