"""The sweep: takes what is to go, in this order, and says what and why.

Debug files that a rule lets go, files that nobody has, uploads that nobody finishes,
chunks and symcaches of nothing, and at last blobs that no row names. Each step is many
short transactions, looks again before it takes, and leaves things in order: a sweep
may be broken off, and run beside uploads and other sweeps.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import batched

from django.utils import timezone

from symdepot.domain.ids import Checksum
from symdepot.pipeline.gc import deletion, planner
from symdepot.pipeline.gc.planner import Plan
from symdepot.pipeline.gc.retention_rules import Reason, RetentionRule
from symdepot.projects import audit
from symdepot.projects.audit import Action
from symdepot.symcaches.models import SymCache
from symdepot.uploads import chunks, expiry
from symdepot.uploads.models import ChunkOwner

BY = "gc"
"""Who it is, in the audit."""
_ROWS_AT_ONCE = 250

type Step = Callable[[str, int], object]
"""Is told what is done, and how many more of it."""


@dataclass(slots=True)
class DeletedCount:
    """How many went for one reason, and how many bytes of the store that frees."""

    count: int = 0
    size_bytes: int = 0


@dataclass(slots=True)
class GcReport:
    """What a sweep took, or would take, and why."""

    taken: dict[Reason, DeletedCount] = field(
        default_factory=lambda: {reason: DeletedCount() for reason in Reason}
    )

    @property
    def count(self) -> int:
        """How many went in all."""
        return sum(taken.count for taken in self.taken.values())

    @property
    def size_bytes(self) -> int:
        """How many bytes of the store are freed in all."""
        return sum(taken.size_bytes for taken in self.taken.values())

    def add(self, reason: Reason, count: int, size_bytes: int = 0) -> None:
        """Count more of a reason."""
        self.taken[reason].count += count
        self.taken[reason].size_bytes += size_bytes


def preview(step: Step = lambda *_: None) -> GcReport:
    """Say what `collect` would take now, and take nothing."""
    made = planner.make_plan(timezone.now(), lambda what: step(what, 0))
    report = GcReport()
    _count(report, made.debug_files, made.debug_files)
    _count(report, made.files, made.files, only=_OF_FILES)
    _count(report, made.assemblies, made.assemblies)
    _count_chunks(report, made, made.chunks)
    report.add(Reason.OUTDATED, len(made.outdated))
    _count_blobs(report, made, made.blobs)
    for blob in deletion.find_orphans(lambda count: step("stored blobs", count)):
        report.add(Reason.ORPHAN, 1, blob.size_bytes)
    return report


def collect(step: Step = lambda *_: None) -> GcReport:
    """Take what is to go, and say what and why.

    Raises:
        StorageUnavailable: the store did not answer; the next sweep goes on with it.
    """
    made = planner.make_plan(timezone.now(), lambda what: step(what, 0))
    report = GcReport()
    for gone in _expire(made):
        _count(report, made.debug_files, gone)
        step("debug files", len(gone))
    for gone, blobs in _drop_files(made):
        _count(report, made.files, gone, only=_OF_FILES)
        _count_blobs(report, made, deletion.delete_blobs(blobs))
        step("files", len(gone))
    for gone in _drop_assemblies(made):
        _count(report, made.assemblies, gone)
        step("uploads", len(gone))
    for lapsed in _lapse(made):
        step("proofs", lapsed)
    for chunks_gone in _drop_chunks(made):
        _count_chunks(report, made, chunks_gone)
        _count_blobs(report, made, deletion.delete_blobs(chunks_gone.values()))
        step("chunks", len(chunks_gone))
    for count, blobs in _drop_outdated(made):
        report.add(Reason.OUTDATED, count)
        _count_blobs(report, made, deletion.delete_blobs(blobs))
        step("symcaches", count)
    _free_orphans(report, step)
    return report


def _expire(made: Plan) -> Iterator[set[int]]:
    for rule, debug_files in made.rules:
        for some in batched(debug_files, _ROWS_AT_ONCE):
            yield _expire_some(made, rule, some)


def _expire_some(
    made: Plan, rule: RetentionRule, debug_files: Collection[int]
) -> set[int]:
    with chunks.freeing():
        gone = deletion.delete_debug_files(
            rule.project,
            list(rule.files.filter(pk__in=debug_files)),
            received_before=made.received_before,
        )
        deeds = [
            (str(row), {"checksum": row.file.checksum, "reason": rule.reason.value})
            for row in gone
        ]
        ids = {row.pk for row in gone}
        audit.record_each(rule.project, Action.EXPIRED, deeds, by=BY)
    return ids


def _drop_files(made: Plan) -> Iterator[tuple[set[int], set[Checksum]]]:
    for some in batched(made.files, _ROWS_AT_ONCE):
        with chunks.freeing():
            dropped = deletion.delete_files(some)
        yield dropped


def _drop_assemblies(made: Plan) -> Iterator[set[int]]:
    for rows in (
        expiry.stalled_uploads(made.received_before),
        expiry.failed_uploads(made.history_before),
    ):
        for some in batched(made.assemblies, _ROWS_AT_ONCE):
            with chunks.freeing():
                gone = expiry.delete_uploads(rows.filter(pk__in=some))
            yield gone


def _lapse(made: Plan) -> Iterator[int]:
    """Let go of proofs; nobody is told, for it frees nothing but quota."""
    lapsed = deletion.unused_ownerships(made.received_before)
    for some in batched(list(lapsed.values_list("pk", flat=True)), _ROWS_AT_ONCE):
        with chunks.freeing():
            gone = list(lapsed.filter(pk__in=some).values_list("pk", flat=True))
            ChunkOwner.objects.filter(pk__in=gone).delete()
        yield len(gone)


def _drop_chunks(made: Plan) -> Iterator[dict[int, Checksum]]:
    for some in batched(made.chunks, _ROWS_AT_ONCE):
        with chunks.freeing():
            gone = deletion.delete_chunks(some, made.received_before)
        yield gone


def _drop_outdated(made: Plan) -> Iterator[tuple[int, set[Checksum]]]:
    for some in batched(made.outdated, _ROWS_AT_ONCE):
        with chunks.freeing():
            rows = planner.outdated_symcaches().filter(pk__in=some)
            gone = dict(rows.values_list("pk", "checksum"))
            SymCache.objects.filter(pk__in=gone).delete()
        yield len(gone), {Checksum(c) for c in gone.values() if c}


def _free_orphans(report: GcReport, step: Step) -> None:
    found = deletion.find_orphans(lambda count: step("stored blobs", count))
    for some in batched(found, _ROWS_AT_ONCE):
        sizes = {blob.checksum: blob.size_bytes for blob in some}
        for name in deletion.delete_blobs(sizes):
            report.add(Reason.ORPHAN, 1, sizes[name])


def _count(
    report: GcReport,
    reasons: Mapping[int, Reason],
    rows: Iterable[int],
    only: Collection[Reason] = tuple(Reason),
) -> None:
    for row in rows:
        if reasons[row] in only:
            report.add(reasons[row], 1)


def _count_chunks(report: GcReport, made: Plan, rows: Iterable[int]) -> None:
    reasons = {row: made.chunks[row].reason for row in rows}
    _count(report, reasons, reasons, only=(Reason.NEVER_ASSEMBLED,))


def _count_blobs(report: GcReport, made: Plan, freed: Iterable[Checksum]) -> None:
    for name in freed:
        if blob := made.blobs.get(name):
            report.add(blob.reason, 0, blob.size_bytes)


_OF_FILES = (Reason.UNREFERENCED,)
