"""Adds debug files to the catalogue, removes them, and marks superseded ones.

Both need a transaction. They lock the project, so that of two that run at once the
second sees the rows of the first.
"""

from collections.abc import Sequence

from django.utils import timezone

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import ObjectFile
from symdepot.domain.selection import ranking
from symdepot.domain.symbol_paths import name_normalization
from symdepot.projects.models import Project
from symdepot.uploads.models import File


def add(project: Project, file: File, found: ObjectFile) -> DebugFile:
    """Add `file` under the ids of `found`; adding it twice is no error.

    Older files that it makes redundant are superseded: they are no longer served for
    their ids, and retention deletes them.
    """
    _lock(project.pk)
    row, is_new = DebugFile.objects.get_or_create(
        project=project,
        file=file,
        debug_id=str(found.debug_id),
        arch=found.arch,
        defaults={
            "code_id": str(found.code_id or ""),
            "file_format": found.format.value,
            "kind": found.kind or "",
            "features": sorted(found.features),
            "object_name": found.name,
            "bare_name": name_normalization.normalize(found.name),
        },
    )
    if is_new:
        _update_superseded(project.pk, [row])
    return row


def remove(project: Project, debug_files: Sequence[DebugFile]) -> list[DebugFile]:
    """Remove debug files of `project`; files that only they superseded are served again.

    Returns those that were still there. The number of queries does not depend on the
    number of files.
    """
    _lock(project.pk)
    rows = DebugFile.objects.filter(project=project)
    present = rows.filter(pk__in=[row.pk for row in debug_files])
    present_ids = set(present.values_list("pk", flat=True))
    present.delete()
    removed = [row for row in debug_files if row.pk in present_ids]
    _update_superseded(project.pk, removed)
    return removed


def _lock(project_id: int) -> None:
    # With the key it would block all inserts of rows that refer to the project.
    Project.objects.select_for_update(no_key=True).get(pk=project_id)


def _update_superseded(project_id: int, changed: Sequence[DebugFile]) -> None:
    """Recompute `superseded_at` of all files with the debug ids of `changed`."""
    ids = {row.debug_id for row in changed if not DebugId.parse(row.debug_id).is_nil}
    if not ids:
        return
    rivals = DebugFile.objects.filter(project=project_id, debug_id__in=ids)
    groups: dict[tuple[str, str, str], list[DebugFile]] = {}
    for row in rivals.order_by("-pk"):
        group = (row.debug_id, row.file_format, row.arch)
        groups.setdefault(group, []).append(row)
    redundant = {
        newest_first[index].pk
        for newest_first in groups.values()
        for index in ranking.redundant([row.object_file() for row in newest_first])
    }
    others = rivals.exclude(superseded_at=None).exclude(pk__in=redundant)
    rivals.current().filter(pk__in=redundant).update(superseded_at=timezone.now())
    others.update(superseded_at=None)
