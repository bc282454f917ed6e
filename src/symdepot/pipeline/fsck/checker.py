"""Check rows against blobs, and rows against each other, without changing anything.

Runs beside uploads and gc. A fault is reported only if the row still exists after its
blob was read: rows are written after blobs and deleted before them.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched
from typing import Any

from django.db.models import Count, Exists, Max, Min, OuterRef, QuerySet, Sum
from django.utils import timezone

from symdepot.blobs.configured import blob_store
from symdepot.blobs.incoming import verify_content
from symdepot.blobs.store import StoredBlob
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import BlobDamaged, BlobMissing
from symdepot.domain.ids import Checksum
from symdepot.pipeline.fsck.report import Fault, Finding, FsckReport, Subject
from symdepot.pipeline.gc import deletion
from symdepot.pipeline.progress_callback import Progress, no_progress
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads.models import Assembly, Chunk, File, FileChunk, State

_ROWS_PER_QUERY = 1000


@dataclass(frozen=True, slots=True)
class _BlobRow:
    """A row that names a blob, with the size that the row gives."""

    subject: Subject
    pk: int
    checksum: Checksum
    size_bytes: int


@dataclass(slots=True)
class _Check:
    """A check in progress; `seen` are the rows whose blobs the store has listed."""

    report: FsckReport
    hashing: bool
    progress: Progress
    seen: dict[Subject, set[int]] = field(default_factory=lambda: defaultdict(set))


def check(*, hashing: bool, progress: Progress = no_progress) -> FsckReport:
    """Check everything. Without `hashing`, only presence and size of blobs.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    report = FsckReport()
    run = _Check(report, hashing, progress)
    for batch in batched(blob_store().stored(), _ROWS_PER_QUERY):
        _check_blobs(run, batch)
    for subject in _BLOB_ROWS:
        _check_unlisted(run, subject)
    report.findings = list(_with_affected_files(report.findings))
    _check_files(report)
    _check_uploads(report)
    if hashing:
        _check_marked_damaged(report)
    return report


def find_fault(checksum: Checksum) -> Fault | None:
    """Read a blob and return whether it is `MISSING` or `DAMAGED`, if it is.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    try:
        with blob_store().open(checksum) as content:
            verify_content(content, checksum)
    except BlobMissing:
        return Fault.MISSING
    except BlobDamaged:
        return Fault.DAMAGED
    return None


def total_bytes() -> int:
    """Return about how many bytes `check` will read."""
    return sum(
        rows().aggregate(total=Sum("size_bytes", default=0))["total"]
        for rows in _BLOB_ROWS.values()
    )


def _check_blobs(run: _Check, blobs: Sequence[StoredBlob]) -> None:
    report = run.report
    rows_by_blob = _rows_naming(blob.checksum for blob in blobs)
    young_since = timezone.now() - deletion.orphan_grace()
    for blob in blobs:
        report.blobs += 1
        report.size_bytes += blob.size_bytes
        rows = rows_by_blob.get(blob.checksum, [])
        for row in rows:
            run.seen[row.subject].add(row.pk)
        if rows:
            report.findings += _check_blob(blob, rows, hashing=run.hashing)
        elif blob.written_at >= young_since:
            report.young_blobs += 1
        elif not _rows_naming([blob.checksum]):
            size = blob.size_bytes
            orphan = Finding(Fault.ORPHAN, Subject.BLOB, blob.checksum, size_bytes=size)
            report.findings.append(orphan)
        run.progress("blobs", 1, blob.size_bytes)


def _check_blob(
    blob: StoredBlob, rows: Sequence[_BlobRow], *, hashing: bool
) -> Iterator[Finding]:
    wrong_size = [row for row in rows if row.size_bytes != blob.size_bytes]
    fault = find_fault(blob.checksum) if hashing or wrong_size else None
    if fault:
        yield from _findings(rows, fault, blob.size_bytes)
    else:
        yield from _findings(wrong_size, Fault.WRONG_SIZE, blob.size_bytes)


def _check_unlisted(run: _Check, subject: Subject) -> None:
    """Check rows whose blobs were not listed: they are missing, or have just come."""
    for row in _iterate(subject, _BLOB_ROWS[subject]().order_by("pk")):
        if row.pk in run.seen[subject]:
            continue
        if run.hashing:
            fault = find_fault(row.checksum)
        else:
            fault = None if row.checksum in blob_store() else Fault.MISSING
        if fault:
            run.report.findings += _findings([row], fault, 0)


def _findings(
    rows: Sequence[_BlobRow], fault: Fault, size_bytes: int
) -> Iterator[Finding]:
    """Yield the fault for those of these rows that still exist."""
    existing = _rows_naming(row.checksum for row in rows) if rows else {}
    for row in rows:
        if row in existing.get(row.checksum, []):
            yield Finding(fault, row.subject, row.checksum, row.pk, size_bytes)


def _with_affected_files(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Add to the findings about chunks the debug files that have the chunk."""
    for batch in batched(findings, _ROWS_PER_QUERY):
        chunks = [f.row for f in batch if f.subject is Subject.CHUNK]
        files_by_chunk: dict[int, set[int]] = defaultdict(set)
        parts = FileChunk.objects.filter(chunk__in=chunks)
        for chunk, file in parts.values_list("chunk", "file"):
            files_by_chunk[chunk].add(file)
        names = _debug_file_names(set().union(*files_by_chunk.values()))
        for finding in batch:
            is_chunk = finding.subject is Subject.CHUNK
            files = sorted(files_by_chunk.get(finding.row, ())) if is_chunk else []
            affected = tuple(name for file in files for name in names[file])
            yield replace(finding, affected=affected)


def _check_files(report: FsckReport) -> None:
    """Find files whose chunks are not complete, in order, and of the right size."""
    rows = File.objects.order_by("pk").values_list("pk", flat=True)
    for batch in batched(rows.iterator(chunk_size=_ROWS_PER_QUERY), _ROWS_PER_QUERY):
        report.files += len(batch)
        # Checked twice: an upload that repairs a file replaces its chunks.
        if suspects := [file.pk for file in _incomplete(batch)]:
            report.findings += [
                Finding(
                    Fault.INCOMPLETE,
                    Subject.FILE,
                    Checksum(file.checksum),
                    file.pk,
                    affected=tuple(_debug_file_names({file.pk})[file.pk]),
                )
                for file in _incomplete(suspects)
            ]


def _incomplete(files: Collection[int]) -> Iterator[File]:
    parts = FileChunk.objects.filter(file__in=files).values("file")
    totals = {
        pk: rest
        for pk, *rest in parts.annotate(
            size=Sum("chunk__size_bytes"),
            number=Count("pk"),
            last=Max("position"),
            any_chunk=Min("chunk__checksum"),
        ).values_list("file", "size", "number", "last", "any_chunk")
    }
    for file in File.objects.filter(pk__in=files):
        size, number, last, any_chunk = totals.get(file.pk, (None, 0, -1, ""))
        # The only chunk of a file has the checksum of the file.
        is_itself = number != 1 or any_chunk == file.checksum
        if size != file.size_bytes or last != number - 1 or not is_itself:
            yield file


def _check_uploads(report: FsckReport) -> None:
    """Find uploads whose status is `ok` although there is no debug file."""
    debug_files = DebugFile.objects.filter(
        project=OuterRef("project"), file__checksum=OuterRef("checksum")
    )
    wrong = Assembly.objects.filter(~Exists(debug_files), state=State.OK)
    report.findings += [
        Finding(Fault.OK_WITHOUT_FILE, Subject.UPLOAD, Checksum(checksum), pk)
        for pk, checksum in wrong.values_list("pk", "checksum")
    ]


def _check_marked_damaged(report: FsckReport) -> None:
    """Find files that are marked as damaged and are not. Needs a check with hashing."""
    bad_chunks = {f.row for f in report.findings if f.subject is Subject.CHUNK}
    incomplete = {f.row for f in report.findings if f.subject is Subject.FILE}
    marked = dict(File.objects.exclude(damaged_at=None).values_list("pk", "checksum"))
    for batch in batched(sorted(marked.keys() - incomplete), _ROWS_PER_QUERY):
        parts = FileChunk.objects.filter(file__in=batch)
        pairs = parts.values_list("file", "chunk")
        damaged = {file for file, chunk in pairs if chunk in bad_chunks}
        report.findings += [
            Finding(Fault.MARKED_DAMAGED, Subject.FILE, Checksum(marked[pk]), pk)
            for pk in batch
            if pk not in damaged
        ]


def _debug_file_names(files: Collection[int]) -> dict[int, list[str]]:
    """Return, by file, its debug files as `organization/project: debug file`."""
    names: dict[int, list[str]] = {pk: [] for pk in files}
    for batch in batched(files, _ROWS_PER_QUERY):
        rows = DebugFile.objects.filter(file__in=batch).order_by("pk")
        for row in rows.select_related("project__organization"):
            project = f"{row.project.organization}/{row.project}"
            names[row.file_id].append(f"{project}: {row}")
    return names


def _rows_naming(checksums: Iterable[Checksum]) -> dict[Checksum, list[_BlobRow]]:
    """Return the rows that name these blobs."""
    names = [c.hex for c in checksums]
    found: dict[Checksum, list[_BlobRow]] = {}
    for subject, all_rows in _BLOB_ROWS.items():
        for row in _iterate(subject, all_rows().filter(checksum__in=names)):
            found.setdefault(row.checksum, []).append(row)
    return found


def _iterate(subject: Subject, rows: QuerySet[Any]) -> Iterator[_BlobRow]:
    columns = rows.values_list("pk", "checksum", "size_bytes")
    for pk, checksum, size_bytes in columns.iterator(chunk_size=_ROWS_PER_QUERY):
        yield _BlobRow(subject, pk, Checksum(checksum), size_bytes)


_BLOB_ROWS: dict[Subject, Callable[[], QuerySet[Any]]] = {
    Subject.CHUNK: Chunk.objects.all,
    Subject.SYMCACHE: lambda: SymCache.objects.filter(outcome=Outcome.MADE),
}
