"""Finds debug files by id, checksum, name or format, and what they are made of."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Q

from symdepot.debugfiles.models import DebugFile, DebugFileQuerySet
from symdepot.domain.errors import DebugFileMissing
from symdepot.domain.ids import Checksum, CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.projects.access import is_row_id
from symdepot.projects.models import Project
from symdepot.uploads.models import FileChunk


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file: which chunks, in which order, each with its size."""

    checksum: Checksum
    size_bytes: int
    chunks: tuple[tuple[Checksum, int], ...]


def by_checksums(
    project: Project, checksums: Iterable[Checksum]
) -> dict[Checksum, DebugFile]:
    """Return the debug files of `project` with these contents, superseded ones too.

    Of several with one content the newest current one is returned.
    """
    rows = DebugFile.objects.within(project).filter(
        file__checksum__in=[c.hex for c in checksums]
    )
    oldest_first = sorted(rows, key=lambda row: (row.superseded_at is None, row.pk))
    return {Checksum(row.file.checksum): row for row in oldest_first}


def by_row(project: Project, row_id: str) -> DebugFile:
    """Return the debug file that `project` keeps under this row id, superseded or not.

    Raises:
        DebugFileMissing: there is none, or it is another project's.
    """
    found = (
        DebugFile.objects.within(project).filter(pk=int(row_id)).first()
        if is_row_id(row_id)
        else None
    )
    if found is None:
        raise DebugFileMissing(row_id)
    return found


def by_ids(
    project: Project,
    debug_id: DebugId | None,
    code_id: CodeId | None,
    formats: Collection[Format] = (),
) -> list[DebugFile]:
    """Return all current debug files of an exact id, newest first.

    With both ids given, those of the debug id; only if there are none at all, those
    of the code id.

    Source: spec/sentry-server 3.1.
    """
    rows = _answering(project, formats).order_by("-pk")
    found: list[DebugFile] = []
    if debug_id is not None:
        found = list(rows.filter(debug_id=str(debug_id)))
    if not found and code_id is not None:
        found = list(rows.filter(code_id=str(code_id)))
    return found


def by_text(
    project: Project, text: str, formats: Collection[Format] = ()
) -> DebugFileQuerySet:
    """Return current ones with `text` in a name or an id, newest first, unsliced.

    `text` is matched without regard to case against object name, debug id, code id,
    architecture and content type; a format's own name finds its files, too.

    Source: spec/sentry-server 3.1.
    """
    rows = _answering(project, formats)
    if "\0" in text:  # matches everything on SQLite, and is an error on Postgres
        return rows.none()
    if text:
        lowered = text.lower()
        named = [
            f.value for f in Format if lowered == f.value or lowered in f.mime_type
        ]
        rows = rows.filter(
            Q(object_name__icontains=text)
            | Q(debug_id__icontains=text)
            | Q(code_id__icontains=text)
            | Q(arch__icontains=text)
            | Q(file_format__in=named)
        )
    return rows.order_by("-pk")


def content(debug_file: DebugFile) -> Content:
    """Return what the bytes of `debug_file` are made of."""
    chunks = (
        FileChunk.objects.filter(file=debug_file.file)
        .order_by("position")
        .values_list("chunk__checksum", "chunk__size_bytes")
    )
    return Content(
        checksum=Checksum(debug_file.file.checksum),
        size_bytes=debug_file.file.size_bytes,
        chunks=tuple((Checksum(checksum), size) for checksum, size in chunks),
    )


def _answering(project: Project, formats: Collection[Format]) -> DebugFileQuerySet:
    rows = DebugFile.objects.within(project).current()
    return rows.filter(file_format__in=[f.value for f in formats]) if formats else rows
