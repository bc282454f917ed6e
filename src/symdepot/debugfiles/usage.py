"""When debug files were last used, how many there are, and how many bytes they take."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from symdepot.debugfiles import sql
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.objects import Format
from symdepot.domain.selection import ranking
from symdepot.domain.selection.file_query import FileRole
from symdepot.jobs.locks import brief_transaction
from symdepot.projects.models import Organization, Project

_MAX_UPDATE_INTERVAL = timedelta(days=1)
_UPDATES_PER_RETENTION = 10
_ROLES = (FileRole.DEBUGINFO, FileRole.EXECUTABLE)
_COUNTS_VALID_SECONDS = 60
_MAX_COUNTS_IN_MEMORY = 64
_NIL = str(UUID(int=0))
_log = structlog.get_logger(__name__)


class ProjectUsage(NamedTuple):
    """The debug files of a project, and the size of their chunks, each once."""

    debug_files: int
    size_bytes: int


def update_interval(keep_unused_days: int | None) -> timedelta:
    """Return how old `last_used_at` may be before it is updated.

    A tenth of the retention of unused files, at most a day, so that a file in use is
    never taken for unused.
    """
    if keep_unused_days is None:
        return _MAX_UPDATE_INTERVAL
    retention = timedelta(days=keep_unused_days)
    return min(_MAX_UPDATE_INTERVAL, retention / _UPDATES_PER_RETENTION)


def mark_used(project: Project, used: Sequence[DebugFile]) -> None:
    """Update `last_used_at` of debug files of `project` where it is due.

    Never fails, and waits for a lock 0.1 s at most: downloads must not wait for writes.
    """
    before = timezone.now() - update_interval(project.keep_unused_days)
    if due := [
        row.pk for row in used if row.last_used_at is None or row.last_used_at < before
    ]:
        update_last_use(due, project.keep_unused_days)


def mark_all_used(used: Iterable[DebugFile]) -> None:
    """Do the same for debug files of several projects."""
    by_project: dict[Project, list[DebugFile]] = {}
    for row in used:
        by_project.setdefault(row.project, []).append(row)
    for project, rows in by_project.items():
        mark_used(project, rows)


def update_last_use(row_ids: Sequence[int], keep_unused_days: int | None) -> None:
    """Update `last_used_at` unless another process just did; see `mark_used`."""
    now = timezone.now()
    before = now - update_interval(keep_unused_days)
    rows = DebugFile.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lt=before), pk__in=row_ids
    )
    try:
        with brief_transaction():
            rows.update(last_used_at=now)
    except DatabaseError as error:
        _log.info("file.use_not_recorded", error=str(error).strip(), count=len(row_ids))


def usage_by_project(organization: Organization) -> dict[int, ProjectUsage]:
    """Return the usage of each project of `organization`, by its row id."""
    return {
        project_id: ProjectUsage(debug_files, int(size_bytes))
        for project_id, debug_files, size_bytes in sql.usage(organization.pk)
    }


def count_by_role(projects: QuerySet[Project]) -> Mapping[FileRole, int]:
    """Return how many current ELF files of `projects` serve in each role.

    All of their rows are read, so the counts are kept for a minute.
    """
    ids = tuple(projects.order_by("pk").values_list("pk", flat=True))
    return in_minute(ids, int(time.monotonic() / _COUNTS_VALID_SECONDS))


@lru_cache(maxsize=_MAX_COUNTS_IN_MEMORY)
def in_minute(project_ids: tuple[int, ...], minute: int) -> Mapping[FileRole, int]:
    """Return the counts as of this minute."""
    groups = (
        DebugFile.objects.current()
        .filter(project__in=project_ids, file_format=Format.ELF.value)
        .values_list("kind", "features")
        .annotate(number=Count("pk"))
        .order_by()
    )
    total = Counter(dict.fromkeys(_ROLES, 0))
    for kind, features, number in groups:
        row = DebugFile(
            file_format=Format.ELF, kind=kind, features=features, debug_id=_NIL
        )
        found = row.object_file()
        total.update(
            {role: number for role in _ROLES if ranking.can_serve(found, role)}
        )
    return total
