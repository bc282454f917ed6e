"""Enters debug files into the catalogue, and retires those that they supersede."""

from collections.abc import Sequence

from django.utils import timezone

from symdepot.debugfiles.models import DebugFile
from symdepot.domain import ranking
from symdepot.domain.objects import ObjectFile
from symdepot.projects.models import Project
from symdepot.uploads.models import File


def enter(project: Project, file: File, found: ObjectFile) -> DebugFile:
    """Let `project` find `file` by the ids of `found`; entering twice is no error.

    It becomes the newest of its ids. Older ones that it makes redundant are superseded:
    lookups do not see them any more, their bytes are retention's business. To be
    called in a transaction; projects take turns, so that of two that come at once the
    second sees the first.
    """
    # No key: or it would wait for, and hold up, all who insert rows of the project.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    same = DebugFile.objects.filter(
        project=project, file=file, debug_id=str(found.debug_id), arch=found.arch
    )
    entered = same.current().first()
    if entered is None:
        same.delete()
        entered = DebugFile.objects.create(
            project=project,
            file=file,
            debug_id=str(found.debug_id),
            code_id=str(found.code_id or ""),
            arch=found.arch,
            file_format=found.format.value,
            kind=found.kind or "",
            features=sorted(found.features),
            object_name=found.name,
        )
        _retire(_rivals(entered, found))
    return entered


def _rivals(newest: DebugFile, found: ObjectFile) -> list[DebugFile]:
    """Return all that `newest` may make redundant, itself first, then newest first."""
    if found.debug_id.is_nil:
        return []
    return list(
        DebugFile.objects.current()
        .filter(
            project=newest.project_id,
            debug_id=newest.debug_id,
            file_format=newest.file_format,
            arch=newest.arch,
        )
        .order_by("-pk")
    )


def _retire(newest_first: Sequence[DebugFile]) -> None:
    redundant = ranking.redundant([row.object_file() for row in newest_first])
    DebugFile.objects.filter(pk__in=[newest_first[i].pk for i in redundant]).update(
        superseded_at=timezone.now()
    )
