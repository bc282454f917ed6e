"""Enters debug files into the catalogue, and says which of an id supersede others."""

from collections.abc import Sequence

from django.utils import timezone

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import ObjectFile
from symdepot.domain.selection import ranking
from symdepot.domain.symbol_paths import file_names
from symdepot.projects.models import Project
from symdepot.uploads.models import File


def enter(project: Project, file: File, found: ObjectFile) -> DebugFile:
    """Let `project` find `file` by the ids of `found`; entering twice is no error.

    A new one becomes the newest of its ids. Older ones that it makes redundant are
    superseded: they do not answer for their ids any more, their bytes are retention's
    business. To be called in a transaction; projects take turns, so that of two that
    come at once the second sees the first.
    """
    _take_turn(project.pk)
    entered, is_new = DebugFile.objects.get_or_create(
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
            "bare_name": file_names.normalize(found.name),
        },
    )
    if is_new:
        _rank(project.pk, [entered])
    return entered


def leave(project: Project, debug_files: Sequence[DebugFile]) -> list[DebugFile]:
    """Take these of `project` out; what only they made redundant answers again.

    Returns those that were still there. To be called in a transaction, as `enter`;
    asks the database as often for a thousand as for one.
    """
    _take_turn(project.pk)
    rows = DebugFile.objects.filter(project=project)
    there = rows.filter(pk__in=[row.pk for row in debug_files])
    left = set(there.values_list("pk", flat=True))
    there.delete()
    gone = [row for row in debug_files if row.pk in left]
    _rank(project.pk, gone)
    return gone


def _take_turn(project_id: int) -> None:
    # No key: or it would wait for, and hold up, all who insert rows of the project.
    Project.objects.select_for_update(no_key=True).get(pk=project_id)


def _rank(project_id: int, changed: Sequence[DebugFile]) -> None:
    """Say anew who is redundant among those that could displace these, or they them."""
    ids = {row.debug_id for row in changed if not DebugId.parse(row.debug_id).is_nil}
    if not ids:
        return
    rivals = DebugFile.objects.filter(project=project_id, debug_id__in=ids)
    groups: dict[tuple[str, str, str], list[DebugFile]] = {}
    for row in rivals.order_by("-pk"):
        group = (row.debug_id, row.file_format, row.arch)
        groups.setdefault(group, []).append(row)
    losers = {
        newest_first[place].pk
        for newest_first in groups.values()
        for place in ranking.redundant([row.object_file() for row in newest_first])
    }
    rivals.current().filter(pk__in=losers).update(superseded_at=timezone.now())
    rivals.exclude(superseded_at=None).exclude(pk__in=losers).update(superseded_at=None)
