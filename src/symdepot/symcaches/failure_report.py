"""State of the symcaches of debug files, and how failures explain missing ids."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from django.conf import settings

from symdepot.debugfiles import missing_ids, near_misses
from symdepot.debugfiles.models import DebugFile, WantedId
from symdepot.debugfiles.near_misses import NearMiss, NearMissKind, RequestedIds
from symdepot.domain.ids import CodeId, DebugId
from symdepot.projects.models import Project
from symdepot.symcaches.models import Outcome, SymCache, SymCacheQuerySet

_CONVERTIBLE = frozenset({NearMissKind.HERE, NearMissKind.NO_PROGRAM})
"""Near misses that should have a symcache."""


def latest_rows(debug_files: Collection[DebugFile]) -> dict[int, SymCache]:
    """Return the symcache rows by debug file id. One SQL query."""
    return _matched(debug_files, SymCache.objects.all())


def failure_reasons(debug_files: Collection[DebugFile]) -> dict[int, str]:
    """Return why symcaches could not be created, by debug file id. One SQL query."""
    failed = SymCache.objects.filter(outcome=Outcome.FAILED)
    return {pk: row.detail for pk, row in _matched(debug_files, failed).items()}


def explain_misses(
    project: Project, requested: Collection[RequestedIds]
) -> dict[RequestedIds, list[NearMiss]]:
    """Return near misses as `find_near_misses` does, with failed symcaches explained."""
    found = near_misses.find_near_misses(project, requested)
    rows = {
        miss.debug_file
        for group in found.values()
        for miss in group
        if miss.debug_file is not None and miss.kind in _CONVERTIBLE
    }
    reasons = failure_reasons(rows)
    return {
        ids: [_explained(miss, reasons) for miss in misses]
        for ids, misses in found.items()
    }


def missing_ids_as_json(
    project: Project, rows: Sequence[WantedId]
) -> list[dict[str, object]]:
    """Return missing ids of `project` as JSON, each with its near misses."""
    requested = [_requested_ids(row) for row in rows]
    found = explain_misses(project, requested)
    return [
        missing_ids.as_json(row)
        | {"nearMisses": [near_miss_as_json(miss) for miss in found[ids]]}
        for row, ids in zip(rows, requested, strict=True)
    ]


def near_miss_as_json(miss: NearMiss) -> dict[str, object]:
    """Return a near miss as JSON; without a debug file its ids are None."""
    row = miss.debug_file
    return {
        "kind": miss.kind,
        "text": miss.text,
        "id": None if row is None else str(row.pk),
        "debugId": None if row is None else row.debug_id,
        "codeId": None if row is None else row.code_id or None,
        "name": None if row is None else row.object_name,
    }


def _matched(
    debug_files: Collection[DebugFile], rows: SymCacheQuerySet
) -> dict[int, SymCache]:
    """Return those of `rows` that belong to the debug files, by debug file id."""
    if not debug_files or not settings.SYMCACHES:
        return {}
    found = rows.present({one.file_id for one in debug_files})
    known = {(row.file_id, row.debug_id, row.arch): row for row in found}
    keys = (
        (one.pk, (one.file_id, str(one.object_file().debug_id.uuid), one.arch))
        for one in debug_files
    )
    return {pk: known[key] for pk, key in keys if key in known}


def _requested_ids(row: WantedId) -> RequestedIds:
    return RequestedIds(
        DebugId.parse_or_none(row.debug_id),
        CodeId(row.code_id) if row.code_id else None,
        row.name,
    )


def _explained(miss: NearMiss, failures: dict[int, str]) -> NearMiss:
    row = miss.debug_file
    if row is None or miss.kind not in _CONVERTIBLE or row.pk not in failures:
        return miss
    reason = f"no symcache could be made of it: {failures[row.pk]}"
    text = f"{near_misses.describe_file(row)} is here under this id, and {reason}"
    return replace(miss, kind=NearMissKind.NO_SYMCACHE, text=text)
