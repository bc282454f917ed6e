"""Compute what garbage collection is to delete, without changing anything.

The number of SQL statements per 1,000 rows is fixed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline.gc import retention_rules
from symdepot.pipeline.gc.retention_rules import Reason, RetentionRule
from symdepot.pipeline.progress_callback import Progress
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads import stale_uploads
from symdepot.uploads.models import AwaitedChunk, Chunk, File, FileChunk

_ROWS_PER_QUERY = 1000


@dataclass(frozen=True, slots=True)
class PlannedBlob:
    """A blob named by a row that is to be deleted."""

    checksum: Checksum
    size_bytes: int
    reason: Reason


@dataclass(slots=True)
class Plan:
    """The ids of the rows to delete, each with the first reason that applies.

    `symcaches` are all symcaches to delete; `outdated` are those of them whose file
    stays. `blobs` are the blobs of `chunks` and `symcaches` that no other row names.
    """

    now: datetime
    received_before: datetime
    failed_before: datetime
    rules: list[tuple[RetentionRule, list[int]]] = field(default_factory=list)
    debug_files: dict[int, Reason] = field(default_factory=dict)
    files: dict[int, Reason] = field(default_factory=dict)
    assemblies: dict[int, Reason] = field(default_factory=dict)
    chunks: dict[int, PlannedBlob] = field(default_factory=dict)
    symcaches: set[int] = field(default_factory=set)
    outdated: set[int] = field(default_factory=set)
    blobs: dict[Checksum, PlannedBlob] = field(default_factory=dict)


def make_plan(now: datetime, progress: Progress) -> Plan:
    """Return what is to be deleted at `now`."""
    plan = Plan(
        now,
        received_before=now - timedelta(hours=settings.KEEP_UNASSEMBLED_HOURS),
        failed_before=now - timedelta(days=settings.KEEP_HISTORY_DAYS),
    )
    progress("debug files", 0)
    affected_files = _plan_debug_files(plan)
    _plan_files(plan, affected_files)
    progress("uploads", 0)
    _plan_assemblies(plan)
    progress("chunks", 0)
    _plan_chunks(plan)
    _plan_symcaches(plan)
    _plan_blobs(plan)
    return plan


def outdated_symcaches() -> QuerySet[SymCache]:
    """Return the symcaches that a newer version of the converter has replaced."""
    newer = SymCache.objects.filter(
        file=OuterRef("file"),
        debug_id=OuterRef("debug_id"),
        arch=OuterRef("arch"),
        version__gt=OuterRef("version"),
        outcome__in=(Outcome.MADE, Outcome.FAILED),
    )
    return SymCache.objects.filter(Exists(newer))


def _plan_debug_files(plan: Plan) -> dict[int, Reason]:
    """Add the expired debug files; return the files that they have."""
    affected: dict[int, Reason] = {}
    for rule in retention_rules.active_rules(plan.now):
        expired: list[int] = []
        for pk, file in _iterate(rule.files.values_list("pk", "file_id")):
            if pk not in plan.debug_files:
                expired.append(pk)
                plan.debug_files[pk] = rule.reason
                affected.setdefault(file, rule.reason)
        plan.rules.append((rule, expired))
    return affected


def _plan_files(plan: Plan, affected: Mapping[int, Reason]) -> None:
    """Add the files that will have no debug file."""
    plan.files.update(affected)
    debug_files = DebugFile.objects.all()
    for pk, file in _select(debug_files, "file", affected, ("pk", "file_id")):
        if pk not in plan.debug_files:
            plan.files.pop(file, None)
    unused = File.objects.filter(~Exists(DebugFile.objects.filter(file=OuterRef("pk"))))
    for (pk,) in _iterate(unused.values_list("pk")):
        plan.files[pk] = Reason.UNREFERENCED


def _plan_assemblies(plan: Plan) -> None:
    for rows, reason in (
        (stale_uploads.stalled_uploads(plan.received_before), Reason.UNFINISHED),
        (stale_uploads.failed_uploads(plan.failed_before), Reason.FAILED),
    ):
        for (pk,) in _iterate(rows.values_list("pk")):
            plan.assemblies[pk] = reason


def _plan_chunks(plan: Plan) -> None:
    """Add the chunks that no remaining file has and no remaining upload awaits."""
    candidates = _chunks_only_in(plan.files)
    never_assembled = Chunk.objects.filter(
        ~Exists(FileChunk.objects.filter(chunk=OuterRef("pk"))),
        received_at__lte=plan.received_before,
    )
    for (pk,) in _iterate(never_assembled.values_list("pk")):
        candidates[pk] = Reason.NEVER_ASSEMBLED
    for batch in batched(candidates, _ROWS_PER_QUERY):
        rows = Chunk.objects.filter(pk__in=batch, received_at__lte=plan.received_before)
        found = list(rows.values_list("pk", "checksum", "size_bytes"))
        awaited = _awaited(plan, [checksum for _, checksum, _ in found])
        for pk, checksum, size in found:
            if checksum not in awaited:
                plan.chunks[pk] = PlannedBlob(Checksum(checksum), size, candidates[pk])


def _chunks_only_in(files: Mapping[int, Reason]) -> dict[int, Reason]:
    """Return the chunks that no other files have, with the reasons of the files."""
    reasons: dict[int, Reason] = {}
    parts, fields = FileChunk.objects.all(), ("chunk_id", "file_id")
    for chunk, file in _select(parts, "file", files, fields):
        reasons.setdefault(chunk, files[file])
    for chunk, file in _select(parts, "chunk", list(reasons), fields):
        if file not in files:
            reasons.pop(chunk, None)
    return reasons


def _awaited(plan: Plan, checksums: Collection[str]) -> set[str]:
    """Return those of these chunks that an upload outside of the plan awaits."""
    awaited = AwaitedChunk.objects.filter(checksum__in=checksums)
    return {
        checksum
        for checksum, assembly in awaited.values_list("checksum", "assembly_id")
        if assembly not in plan.assemblies
    }


def _plan_symcaches(plan: Plan) -> None:
    """Add the symcaches of the files to delete, and the outdated ones."""
    fields = ("pk", "checksum", "size_bytes", "file_id")
    rows = SymCache.objects.all()
    for pk, checksum, size, file in _select(rows, "file", plan.files, fields):
        plan.symcaches.add(pk)
        _plan_symcache_blob(plan, checksum, size, plan.files[file])
    for pk, checksum, size, file in _iterate(outdated_symcaches().values_list(*fields)):
        if file not in plan.files:
            plan.outdated.add(pk)
            plan.symcaches.add(pk)
            _plan_symcache_blob(plan, checksum, size, Reason.OUTDATED)


def _plan_symcache_blob(
    plan: Plan, hex_checksum: str, size_bytes: int, reason: Reason
) -> None:
    if hex_checksum:
        checksum = Checksum(hex_checksum)
        plan.blobs.setdefault(checksum, PlannedBlob(checksum, size_bytes, reason))


def _plan_blobs(plan: Plan) -> None:
    """Add the blobs of chunks, and remove those that a remaining row names."""
    for chunk in plan.chunks.values():
        plan.blobs.setdefault(chunk.checksum, chunk)
    names, fields = [c.hex for c in plan.blobs], ("pk", "checksum")
    for model, planned in ((Chunk, plan.chunks), (SymCache, plan.symcaches)):
        for pk, checksum in _select(model.objects.all(), "checksum", names, fields):
            if pk not in planned:
                plan.blobs.pop(Checksum(checksum), None)


def _select(
    rows: QuerySet[Any], field: str, values: Iterable[object], columns: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Yield columns of the rows whose `field` is one of `values`."""
    for batch in batched(values, _ROWS_PER_QUERY):
        yield from rows.filter((f"{field}__in", batch)).values_list(*columns)


def _iterate[Row: tuple[Any, ...]](rows: QuerySet[Any, Row]) -> Iterator[Row]:
    return rows.iterator(chunk_size=_ROWS_PER_QUERY)
