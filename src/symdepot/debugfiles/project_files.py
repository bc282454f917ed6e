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
class FileContent:
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
    return {c: rows[0] for c, rows in all_by_checksums(project, checksums).items()}


def all_by_checksums(
    project: Project, checksums: Iterable[Checksum]
) -> dict[Checksum, list[DebugFile]]:
    """Return all debug files of `project` with these contents, superseded ones too.

    Those of one content have different ids: current ones first, and newer ones first.
    A content that is known to be damaged is not found, so that it is sent again.
    """
    rows = DebugFile.objects.within(project).filter(
        file__checksum__in=[c.hex for c in checksums], file__damaged_at=None
    )
    found: dict[Checksum, list[DebugFile]] = {}
    for row in sorted(rows, key=lambda row: (row.superseded_at is not None, -row.pk)):
        found.setdefault(Checksum(row.file.checksum), []).append(row)
    return found


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
    *,
    release: str = "",
) -> list[DebugFile]:
    """Return all current debug files of an exact id, newest first.

    With both ids given, those of the debug id come first, and then those of the code id
    alone. Sentry has these only where there are none of the former; Symbolicator asks
    for either, tries what comes first, and would miss a program of which there is
    but a source bundle by the debug id. With `release`, only those of the release of
    that version.

    Source: spec/sentry-server 3.1, spec/serving 4.4.
    """
    rows = _answering(project, formats, release).order_by("-pk")
    found: list[DebugFile] = []
    if debug_id is not None:
        found = list(rows.filter(debug_id=str(debug_id)))
    if code_id is not None:
        known = {row.pk for row in found}
        of_code_id = rows.filter(code_id=str(code_id))
        found += [row for row in of_code_id if row.pk not in known]
    return found


def by_text(
    project: Project,
    text: str,
    formats: Collection[Format] = (),
    *,
    release: str = "",
) -> DebugFileQuerySet:
    """Return current ones with `text` in a name or an id, newest first, unsliced.

    `text` is matched without regard to case against object name, debug id, code id,
    architecture and content type; a format's own name finds its files, too. With
    `release`, only those of the release of that version.

    Source: spec/sentry-server 3.1.
    """
    rows = _answering(project, formats, release)
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


def file_content(debug_file: DebugFile) -> FileContent:
    """Return what the bytes of `debug_file` are made of."""
    chunks = (
        FileChunk.objects.filter(file=debug_file.file)
        .order_by("position")
        .values_list("chunk__checksum", "chunk__size_bytes")
    )
    return FileContent(
        checksum=Checksum(debug_file.file.checksum),
        size_bytes=debug_file.file.size_bytes,
        chunks=tuple((Checksum(checksum), size) for checksum, size in chunks),
    )


def _answering(
    project: Project, formats: Collection[Format], release: str
) -> DebugFileQuerySet:
    rows = DebugFile.objects.within(project).current()
    if release:
        rows = rows.of_release(release)
    return rows.filter(file_format__in=[f.value for f in formats]) if formats else rows
