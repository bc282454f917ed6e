"""Compares rows with bytes, and rows with rows; changes nothing.

Uploads and sweeps go on meanwhile. Rows come after their bytes and go before them, so
what looks wrong is told only if its row is still there when the bytes have been seen.

Compares rows with rows: files with their chunks, answers with the catalogue.
"""

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
from symdepot.domain.errors import BlobMissing, ChecksumMismatch
from symdepot.domain.ids import Checksum
from symdepot.pipeline.fsck.report import Fault, Finding, FsckReport, Subject
from symdepot.pipeline.gc import deletion
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads.models import Assembly, Chunk, File, FileChunk, State


def check_files(examination: FsckReport) -> None:
    """Find the files whose chunks are not all there, in order, and of its size."""
    rows = File.objects.order_by("pk").values_list("pk", flat=True)
    for some in batched(rows.iterator(chunk_size=_AT_ONCE), _AT_ONCE):
        examination.files += len(some)
        # Whoever heals a file takes its chunks out and puts others in.
        if suspects := [row.pk for row in _incomplete(some)]:
            examination.findings += [
                Finding(
                    Fault.INCOMPLETE,
                    Subject.FILE,
                    Checksum(file.checksum),
                    file.pk,
                    hurts=tuple(file_names({file.pk})[file.pk]),
                )
                for file in _incomplete(suspects)
            ]


def check_uploads(examination: FsckReport) -> None:
    """Find what clients are told is `ok` although no debug file is there."""
    same = DebugFile.objects.filter(
        project=OuterRef("project"), file__checksum=OuterRef("checksum")
    )
    untrue = Assembly.objects.filter(~Exists(same), state=State.OK)
    examination.findings += [
        Finding(Fault.UNTRUE, Subject.UPLOAD, Checksum(checksum), pk)
        for pk, checksum in untrue.values_list("pk", "checksum")
    ]


def check_marked_damaged(examination: FsckReport) -> None:
    """Find files that are held for damaged, and are not, now that all was hashed."""
    bad = {f.row for f in examination.findings if f.subject is Subject.CHUNK}
    incomplete = {f.row for f in examination.findings if f.subject is Subject.FILE}
    held = dict(File.objects.exclude(damaged_at=None).values_list("pk", "checksum"))
    for some in batched(sorted(held.keys() - incomplete), _AT_ONCE):
        parts = FileChunk.objects.filter(file__in=some)
        hurt = {
            file for file, chunk in parts.values_list("file", "chunk") if chunk in bad
        }
        examination.findings += [
            Finding(Fault.SHUNNED, Subject.FILE, Checksum(held[pk]), pk)
            for pk in some
            if pk not in hurt
        ]


def file_names(files: Collection[int]) -> dict[int, list[str]]:
    """Return, for each of these files, what its debug files are called and where."""
    told: dict[int, list[str]] = {pk: [] for pk in files}
    for some in batched(files, _AT_ONCE):
        rows = DebugFile.objects.filter(file__in=some).order_by("pk")
        for row in rows.select_related("project__organization"):
            where = f"{row.project.organization}/{row.project}"
            told[row.file_id].append(f"{where}: {row}")
    return told


def _incomplete(files: Collection[int]) -> Iterator[File]:
    parts = FileChunk.objects.filter(file__in=files).values("file")
    sums = {
        pk: rest
        for pk, *rest in parts.annotate(
            size=Sum("chunk__size_bytes"),
            number=Count("pk"),
            last=Max("position"),
            alone=Min("chunk__checksum"),
        ).values_list("file", "size", "number", "last", "alone")
    }
    for file in File.objects.filter(pk__in=files):
        size, number, last, alone = sums.get(file.pk, (None, 0, -1, ""))
        is_itself = number != 1 or alone == file.checksum
        if size != file.size_bytes or last != number - 1 or not is_itself:
            yield file


_AT_ONCE = 1000

type Step = Callable[[int], object]
"""Is told how many more bytes have been looked at."""


@dataclass(frozen=True, slots=True)
class _Named:
    """A row that names a blob, and the size that it says the blob has."""

    subject: Subject
    row: int
    checksum: Checksum
    size_bytes: int


@dataclass(slots=True)
class _Round:
    """One examination: `seen` are the rows whose blobs the store has listed."""

    examination: FsckReport
    hashing: bool
    step: Step
    seen: dict[Subject, set[int]] = field(
        default_factory=lambda: {Subject.CHUNK: set(), Subject.SYMCACHE: set()}
    )


def check(*, hashing: bool, step: Step = lambda _: None) -> FsckReport:
    """Look at all there is; without `hashing`, at the bytes' presence and size only.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    made = FsckReport()
    going = _Round(made, hashing, step)
    for some in batched(blob_store().stored(), _AT_ONCE):
        _check_blobs(going, some)
    for subject in going.seen:
        _check_unlisted(going, subject)
    made.findings = list(_with_names(made.findings))
    check_files(made)
    check_uploads(made)
    if hashing:
        check_marked_damaged(made)
    return made


def fault_of(checksum: Checksum) -> Fault | None:
    """Read a blob to its end and say what is wrong with it, if anything is.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    try:
        with blob_store().open(checksum) as content:
            verify_content(content, checksum)
    except BlobMissing:
        return Fault.MISSING
    except ChecksumMismatch:
        return Fault.DAMAGED
    return None


def total_bytes() -> int:
    """Return about how many bytes there are to look at."""
    return sum(
        rows.aggregate(total=Sum("size_bytes", default=0))["total"]
        for rows in (question() for question in _ROWS.values())
    )


def _check_blobs(going: _Round, some: Sequence[StoredBlob]) -> None:
    made = going.examination
    named = _naming(blob.checksum for blob in some)
    young_since = timezone.now() - deletion.orphan_grace()
    for blob in some:
        made.blobs += 1
        made.size_bytes += blob.size_bytes
        rows = named.get(blob.checksum, [])
        for row in rows:
            going.seen[row.subject].add(row.row)
        if rows:
            made.findings += _check_blob(blob, rows, hashing=going.hashing)
        elif blob.written_at >= young_since:
            made.young += 1
        elif not _naming([blob.checksum]):
            made.findings.append(
                Finding(
                    Fault.ORPHAN,
                    Subject.BLOB,
                    blob.checksum,
                    size_bytes=blob.size_bytes,
                )
            )
        going.step(blob.size_bytes)


def _check_blob(
    blob: StoredBlob, rows: Sequence[_Named], *, hashing: bool
) -> Iterator[Finding]:
    differing = [row for row in rows if row.size_bytes != blob.size_bytes]
    fault = fault_of(blob.checksum) if hashing or differing else None
    yield from _told(rows if fault else differing, fault or Fault.WRONG_SIZE, blob)


def _told(
    wrong: Sequence[_Named], fault: Fault, blob: StoredBlob | None
) -> Iterator[Finding]:
    """Tell of those of these rows that are still there."""
    there = _naming(row.checksum for row in wrong) if wrong else {}
    for row in wrong:
        if row in there.get(row.checksum, []):
            yield Finding(
                fault,
                row.subject,
                row.checksum,
                row.row,
                size_bytes=blob.size_bytes if blob else 0,
            )


def _check_unlisted(going: _Round, subject: Subject) -> None:
    """Look at the rows whose blobs were not listed: they are gone, or came since."""
    rows = _ROWS[subject]().order_by("pk").values_list("pk", "checksum", "size_bytes")
    for pk, checksum, size_bytes in rows.iterator(chunk_size=_AT_ONCE):
        if pk in going.seen[subject]:
            continue
        row = _Named(subject, pk, Checksum(checksum), size_bytes)
        if going.hashing:
            fault = fault_of(row.checksum)
        else:
            fault = None if row.checksum in blob_store() else Fault.MISSING
        if fault:
            going.examination.findings += _told([row], fault, None)


def _with_names(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Say of each chunk which debug files it hurts."""
    for some in batched(findings, _AT_ONCE):
        chunks = [f.row for f in some if f.subject is Subject.CHUNK]
        having: dict[int, set[int]] = {}
        parts = FileChunk.objects.filter(chunk__in=chunks)
        for chunk, file in parts.values_list("chunk", "file"):
            having.setdefault(chunk, set()).add(file)
        told = file_names({file for files in having.values() for file in files})
        for finding in some:
            is_chunk = finding.subject is Subject.CHUNK
            files = sorted(having.get(finding.row, ())) if is_chunk else []
            hurts = tuple(name for file in files for name in told[file])
            yield replace(finding, hurts=hurts)


def _naming(checksums: Iterable[Checksum]) -> dict[Checksum, list[_Named]]:
    """Return the rows that name these blobs."""
    wanted = [c.hex for c in checksums]
    named: dict[Checksum, list[_Named]] = {}
    for subject, rows in _ROWS.items():
        found = rows().filter(checksum__in=wanted)
        for pk, checksum, size_bytes in found.values_list(
            "pk", "checksum", "size_bytes"
        ):
            row = _Named(subject, pk, Checksum(checksum), size_bytes)
            named.setdefault(row.checksum, []).append(row)
    return named


_ROWS: dict[Subject, Callable[[], QuerySet[Any]]] = {
    Subject.CHUNK: Chunk.objects.all,
    Subject.SYMCACHE: lambda: SymCache.objects.filter(outcome=Outcome.MADE),
}
