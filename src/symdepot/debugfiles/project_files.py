"""Finds debug files of one project by row id, checksum, id, name or format."""

from collections.abc import Collection, Iterable

from django.db.models import Q

from symdepot.debugfiles.models import DebugFile, DebugFileQuerySet
from symdepot.domain.errors import DebugFileMissing
from symdepot.domain.ids import Checksum, CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.projects.models import Project
from symdepot.projects.organizations import is_row_id


def by_row(project: Project, row_id: str) -> DebugFile:
    """Return the debug file with this row id, superseded or not.

    Raises:
        DebugFileMissing: `project` has none.
    """
    rows = DebugFile.objects.within(project)
    if not is_row_id(row_id) or (found := rows.filter(pk=int(row_id)).first()) is None:
        raise DebugFileMissing(row_id)
    return found


def by_checksums(
    project: Project, checksums: Iterable[Checksum]
) -> dict[Checksum, DebugFile]:
    """Return a debug file of each content, superseded ones too.

    Of several with one content, the newest current one.
    """
    return {c: rows[0] for c, rows in all_by_checksums(project, checksums).items()}


def all_by_checksums(
    project: Project, checksums: Iterable[Checksum]
) -> dict[Checksum, list[DebugFile]]:
    """Return all debug files of each content, superseded ones too.

    Those of one content have different ids; current ones come first, then newer ones.
    Damaged files are skipped, so that they are sent again.
    """
    rows = DebugFile.objects.within(project).filter(
        file__checksum__in=[c.hex for c in checksums], file__damaged_at=None
    )
    found: dict[Checksum, list[DebugFile]] = {}
    for row in sorted(rows, key=lambda row: (row.superseded_at is not None, -row.pk)):
        found.setdefault(Checksum(row.file.checksum), []).append(row)
    return found


def by_ids(
    project: Project,
    debug_id: DebugId | None,
    code_id: CodeId | None,
    formats: Collection[Format] = (),
    *,
    release: str = "",
) -> list[DebugFile]:
    """Return the current debug files with one of these exact ids, newest first.

    Those with the debug id come before those with only the code id. Sentry returns the
    latter only if there are none of the former; Symbolicator sends both ids, tries the
    first file, and would miss a program that has only a source bundle under the debug
    id. `release` is a version.

    Source: spec/sentry-server 3.1, spec/serving 4.4.
    """
    rows = _current(project, formats, release).order_by("-pk")
    found: list[DebugFile] = []
    if debug_id is not None:
        found = list(rows.filter(debug_id=str(debug_id)))
    if code_id is not None:
        known = {row.pk for row in found}
        with_code_id = rows.filter(code_id=str(code_id))
        found += [row for row in with_code_id if row.pk not in known]
    return found


def by_text(
    project: Project,
    text: str,
    formats: Collection[Format] = (),
    *,
    release: str = "",
) -> DebugFileQuerySet:
    """Return the current debug files with `text` in a name or an id, newest first.

    Compared without regard to case: object name, debug id, code id, architecture and
    content type; also the name of a format. `release` is a version.

    Source: spec/sentry-server 3.1.
    """
    rows = _current(project, formats, release)
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


def _current(
    project: Project, formats: Collection[Format], release: str
) -> DebugFileQuerySet:
    rows = DebugFile.objects.within(project).current()
    if release:
        rows = rows.of_release(release)
    return rows.filter(file_format__in=[f.value for f in formats]) if formats else rows
