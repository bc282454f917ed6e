"""Run garbage collection, or its dry run, and report what was deleted and why."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import batched

from django.db.models import QuerySet
from django.utils import timezone

from symdepot.blobs.configured import blob_store
from symdepot.domain.ids import Checksum
from symdepot.pipeline.gc import deletion, planner
from symdepot.pipeline.gc.planner import Plan
from symdepot.pipeline.gc.retention_rules import Reason, RetentionRule
from symdepot.pipeline.progress_callback import Progress, no_progress
from symdepot.projects import audit
from symdepot.projects.audit import Action
from symdepot.symcaches.models import SymCache
from symdepot.uploads import chunks, stale_uploads
from symdepot.uploads.models import ChunkOwner

ACTOR = "gc"
"""The actor in the audit log."""

_ROWS_PER_TRANSACTION = 250


@dataclass(slots=True)
class DeletedCount:
    """What was deleted for one reason, and how many bytes of the store that freed."""

    count: int = 0
    size_bytes: int = 0


@dataclass(slots=True)
class GcReport:
    """What was deleted, or would be, by reason."""

    by_reason: dict[Reason, DeletedCount] = field(
        default_factory=lambda: {reason: DeletedCount() for reason in Reason}
    )

    @property
    def count(self) -> int:
        """How many things were deleted in all."""
        return sum(deleted.count for deleted in self.by_reason.values())

    @property
    def size_bytes(self) -> int:
        """How many bytes of the store were freed in all."""
        return sum(deleted.size_bytes for deleted in self.by_reason.values())

    def add(self, reason: Reason, count: int, size_bytes: int = 0) -> None:
        """Count more deletions for a reason."""
        self.by_reason[reason].count += count
        self.by_reason[reason].size_bytes += size_bytes


def preview(progress: Progress = no_progress) -> GcReport:
    """Return what `collect` would delete now, and change nothing."""
    plan = planner.make_plan(timezone.now(), progress)
    report = GcReport()
    _count_rows(report, plan.debug_files, plan.debug_files)
    _count_files(report, plan, plan.files)
    _count_rows(report, plan.assemblies, plan.assemblies)
    _count_chunks(report, plan, plan.chunks)
    report.add(Reason.OUTDATED, len(plan.outdated))
    _count_blobs(report, plan, plan.blobs)
    for blob in deletion.find_orphans(progress):
        report.add(Reason.ORPHAN, 1, blob.size_bytes)
    return report


def collect(progress: Progress = no_progress) -> GcReport:
    """Delete what is no longer needed; return what and why.

    Raises:
        StorageUnavailable: the store did not answer; the next run deletes the rest.
    """
    blob_store().require_known()
    plan = planner.make_plan(timezone.now(), progress)
    report = GcReport()
    for debug_files in _delete_debug_files(plan):
        _count_rows(report, plan.debug_files, debug_files)
        progress("debug files", len(debug_files))
    for files, blobs in _batches(plan.files, deletion.delete_files):
        _count_files(report, plan, files)
        _count_blobs(report, plan, deletion.delete_blobs(blobs))
        progress("files", len(files))
    for assemblies in _batches(plan.assemblies, partial(_delete_uploads, plan)):
        _count_rows(report, plan.assemblies, assemblies)
        progress("uploads", len(assemblies))
    unused = deletion.unused_ownerships(plan.received_before)
    ownerships = list(unused.values_list("pk", flat=True))
    for count in _batches(ownerships, partial(_delete_ownerships, unused)):
        progress("chunk ownerships", count)
    delete_chunks = partial(
        deletion.delete_chunks, received_before=plan.received_before
    )
    for deleted in _batches(plan.chunks, delete_chunks):
        _count_chunks(report, plan, deleted)
        _count_blobs(report, plan, deletion.delete_blobs(deleted.values()))
        progress("chunks", len(deleted))
    for count, blobs in _batches(plan.outdated, _delete_outdated_symcaches):
        report.add(Reason.OUTDATED, count)
        _count_blobs(report, plan, deletion.delete_blobs(blobs))
        progress("symcaches", count)
    _delete_orphans(report, progress)
    return report


def _batches[Deleted](
    rows: Iterable[int], delete: Callable[[Sequence[int]], Deleted]
) -> Iterator[Deleted]:
    """Call `delete` with some of these row ids at a time, in one transaction each."""
    for batch in batched(rows, _ROWS_PER_TRANSACTION):
        with chunks.freeing():
            deleted = delete(batch)
        yield deleted


def _delete_debug_files(plan: Plan) -> Iterator[set[int]]:
    for rule, debug_files in plan.rules:
        yield from _batches(debug_files, partial(_expire, plan, rule))


def _expire(plan: Plan, rule: RetentionRule, debug_files: Sequence[int]) -> set[int]:
    """Delete those of these debug files to which the rule still applies."""
    rows = list(rule.files.filter(pk__in=debug_files))
    deleted = deletion.delete_debug_files(
        rule.project, rows, received_before=plan.received_before
    )
    entries = [
        (str(row), {"checksum": row.file.checksum, "reason": rule.reason.value})
        for row in deleted
    ]
    ids = {row.pk for row in deleted}
    audit.record_each(rule.project, Action.EXPIRED, entries, by=ACTOR)
    return ids


def _delete_uploads(plan: Plan, assemblies: Sequence[int]) -> set[int]:
    stalled = stale_uploads.stalled_uploads(plan.received_before)
    expired = stalled | stale_uploads.failed_uploads(plan.failed_before)
    return stale_uploads.delete_uploads(expired.filter(pk__in=assemblies))


def _delete_ownerships(unused: QuerySet[ChunkOwner], rows: Sequence[int]) -> int:
    """Delete unused ownerships. They are not reported: that frees quota, not bytes."""
    deleted = list(unused.filter(pk__in=rows).values_list("pk", flat=True))
    ChunkOwner.objects.filter(pk__in=deleted).delete()
    return len(deleted)


def _delete_outdated_symcaches(symcaches: Sequence[int]) -> tuple[int, set[Checksum]]:
    rows = planner.outdated_symcaches().filter(pk__in=symcaches)
    deleted = dict(rows.values_list("pk", "checksum"))
    SymCache.objects.filter(pk__in=deleted).delete()
    return len(deleted), {Checksum(c) for c in deleted.values() if c}


def _delete_orphans(report: GcReport, progress: Progress) -> None:
    for batch in batched(deletion.find_orphans(progress), _ROWS_PER_TRANSACTION):
        sizes = {blob.checksum: blob.size_bytes for blob in batch}
        for checksum in deletion.delete_blobs(sizes):
            report.add(Reason.ORPHAN, 1, sizes[checksum])


def _count_rows(
    report: GcReport, reasons: Mapping[int, Reason], rows: Iterable[int]
) -> None:
    for row in rows:
        report.add(reasons[row], 1)


def _count_files(report: GcReport, plan: Plan, rows: Iterable[int]) -> None:
    """Count files that had no debug file; others are counted as debug files."""
    counted = [row for row in rows if plan.files[row] is Reason.UNREFERENCED]
    report.add(Reason.UNREFERENCED, len(counted))


def _count_chunks(report: GcReport, plan: Plan, rows: Iterable[int]) -> None:
    """Count chunks that no file had; others are counted as debug files or files."""
    planned = [plan.chunks[row] for row in rows]
    counted = [chunk for chunk in planned if chunk.reason is Reason.NEVER_ASSEMBLED]
    report.add(Reason.NEVER_ASSEMBLED, len(counted))


def _count_blobs(report: GcReport, plan: Plan, blobs: Iterable[Checksum]) -> None:
    for checksum in blobs:
        if blob := plan.blobs.get(checksum):
            report.add(blob.reason, 0, blob.size_bytes)
