"""Enters debug files into the catalogue, and says which of an id supersede others."""

from django.utils import timezone

from symdepot.debugfiles.models import DebugFile
from symdepot.domain import ranking
from symdepot.domain.objects import ObjectFile
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
        },
    )
    if is_new and not found.debug_id.is_nil:
        _rank(entered)
    return entered


def leave(debug_file: DebugFile) -> None:
    """Take `debug_file` out; what only it made redundant answers again.

    To be called in a transaction, as `enter`.
    """
    _take_turn(debug_file.project_id)
    debug_file.delete()
    if not debug_file.object_file().debug_id.is_nil:
        _rank(debug_file)


def _take_turn(project_id: int) -> None:
    # No key: or it would wait for, and hold up, all who insert rows of the project.
    Project.objects.select_for_update(no_key=True).get(pk=project_id)


def _rank(one: DebugFile) -> None:
    """Say anew which of those that could displace `one`, or it them, are redundant."""
    rivals = DebugFile.objects.filter(
        project=one.project_id,
        debug_id=one.debug_id,
        file_format=one.file_format,
        arch=one.arch,
    )
    newest_first = list(rivals.order_by("-pk"))
    redundant = ranking.redundant([row.object_file() for row in newest_first])
    losers = [newest_first[place].pk for place in redundant]
    rivals.current().filter(pk__in=losers).update(superseded_at=timezone.now())
    rivals.exclude(superseded_at=None).exclude(pk__in=losers).update(superseded_at=None)
