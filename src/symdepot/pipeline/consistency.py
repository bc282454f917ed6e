"""Compares rows with rows: files with their chunks, answers with the catalogue."""

from collections.abc import Collection, Iterator
from itertools import batched

from django.db.models import Count, Exists, Max, Min, OuterRef, Sum

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline.findings import Examination, Fault, Finding, Subject
from symdepot.uploads.models import Assembly, File, FileChunk, State

_AT_ONCE = 1000


def check_files(examination: Examination) -> None:
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
                    hurts=tuple(names({file.pk})[file.pk]),
                )
                for file in _incomplete(suspects)
            ]


def check_uploads(examination: Examination) -> None:
    """Find what clients are told is `ok` although no debug file is there."""
    same = DebugFile.objects.filter(
        project=OuterRef("project"), file__checksum=OuterRef("checksum")
    )
    untrue = Assembly.objects.filter(~Exists(same), state=State.OK)
    examination.findings += [
        Finding(Fault.UNTRUE, Subject.UPLOAD, Checksum(checksum), pk)
        for pk, checksum in untrue.values_list("pk", "checksum")
    ]


def check_shunned(examination: Examination) -> None:
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


def names(files: Collection[int]) -> dict[int, list[str]]:
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
