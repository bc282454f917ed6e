"""When debug files were last used, and how much room they take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from symdepot.debugfiles.models import DebugFile
from symdepot.projects.models import Organization, Project

_COARSEST = timedelta(days=1)
_FRACTION = 10
_PATIENCE_MILLISECONDS = 100
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProjectUsage:
    """How many debug files a project has, and the size of their chunks, each once."""

    debug_files: int
    size_bytes: int


def update_interval(keep_unused_days: int | None) -> timedelta:
    """Return how old a noted last use may become before it is noted again.

    A tenth of what an unused file is kept, and a day at most: a file in use is never
    taken for an unused one, however short the retention is.
    """
    if keep_unused_days is None:
        return _COARSEST
    return min(_COARSEST, timedelta(days=keep_unused_days) / _FRACTION)


def mark_used(project: Project, used: Sequence[DebugFile]) -> None:
    """Note that these debug files of `project` are used now.

    Costs nothing for those of which that was noted a moment ago. Never fails and never
    waits long: whoever reads is not kept from it by those who write.
    """
    now = timezone.now()
    before = now - update_interval(project.keep_unused_days)
    stale = [
        row.pk for row in used if row.last_used_at is None or row.last_used_at < before
    ]
    if not stale:
        return
    rows = DebugFile.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lt=before), pk__in=stale
    )
    try:
        with _Impatience(), transaction.atomic():
            _wait_for_no_lock()
            rows.update(last_used_at=now)
    except DatabaseError as error:
        _log.info("last use not noted", why=str(error).strip(), count=len(stale))


def mark_all_used(used: Iterable[DebugFile]) -> None:
    """Note the same of debug files of several projects."""
    by_project: dict[Project, list[DebugFile]] = {}
    for row in used:
        by_project.setdefault(row.project, []).append(row)
    for project, rows in by_project.items():
        mark_used(project, rows)


def usage_by_project(organization: Organization) -> dict[int, ProjectUsage]:
    """Return what each project of `organization` has, by its row.

    What several projects share counts for each of them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ROOM, [organization.pk, organization.pk])
        return {
            row[0]: ProjectUsage(int(row[1]), int(row[2])) for row in cursor.fetchall()
        }


class _Impatience:
    """Lets SQLite say at once that it is busy; elsewhere it changes nothing."""

    def __enter__(self) -> None:
        self._was = self._set(_PATIENCE_MILLISECONDS)

    def __exit__(self, *_: object) -> None:
        self._set(self._was)

    def _set(self, milliseconds: int) -> int:
        """Return what it was before."""
        if connection.vendor != "sqlite":
            return 0
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            was = int(cursor.fetchone()[0])
            cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")
        return was


def _wait_for_no_lock() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {_PATIENCE_MILLISECONDS}")


_ROOM = """
    SELECT project.id, COALESCE(files.number, 0), COALESCE(chunks.total, 0)
    FROM projects_project AS project
    LEFT JOIN (
        SELECT project_id, COUNT(*) AS number
        FROM debugfiles_debugfile
        GROUP BY project_id
    ) AS files ON files.project_id = project.id
    LEFT JOIN (
        SELECT had.project_id, SUM(chunk.size_bytes) AS total
        FROM (
            SELECT DISTINCT debug_file.project_id, file_chunk.chunk_id
            FROM debugfiles_debugfile AS debug_file
            JOIN projects_project AS owner ON owner.id = debug_file.project_id
            JOIN uploads_filechunk AS file_chunk
                ON file_chunk.file_id = debug_file.file_id
            WHERE owner.organization_id = %s
        ) AS had
        JOIN uploads_chunk AS chunk ON chunk.id = had.chunk_id
        GROUP BY had.project_id
    ) AS chunks ON chunks.project_id = project.id
    WHERE project.organization_id = %s
    """
