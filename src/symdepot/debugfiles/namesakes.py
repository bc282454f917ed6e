"""The newest files of a name, out of however many have it."""

from collections.abc import Collection, Iterable

from django.db import connection

from symdepot.debugfiles.models import DebugFile
from symdepot.projects.models import Project

_LOOKED_AT = 10


def newest(project: Project, names: Collection[str]) -> dict[str, list[DebugFile]]:
    """Return the newest current debug files of these bare names, newest first.

    A few of each, and in two questions; a name that none has is not in the answer.
    """
    rows = DebugFile.objects.within(project).current().filter(file__damaged_at=None)
    found: dict[str, list[DebugFile]] = {}
    wanted = row_ids(project, names, _LOOKED_AT)
    for row in rows.filter(pk__in=wanted).order_by("-pk"):
        found.setdefault(row.bare_name, []).append(row)
    return found


def row_ids(project: Project, names: Iterable[str], most: int) -> set[int]:
    """Return the row ids of the `most` newest files of each of these bare names.

    Each is a glance into the index, however many have the name.
    """
    wanted = sorted(set(names) - {""})
    if not wanted:
        return set()
    values = ", ".join(["(%s)"] * len(wanted))
    each = ", ".join(_NEWEST.format(skipped=n) for n in range(most))
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH wanted (name) AS (VALUES {values}) SELECT {each} FROM wanted",  # noqa: S608 -- placeholders and numbers
            [*wanted, *[project.pk] * most],
        )
        return {pk for row in cursor.fetchall() for pk in row if pk is not None}


_NEWEST = """(
    SELECT row.id FROM debugfiles_debugfile AS row
    WHERE row.project_id = %s AND row.bare_name = wanted.name
    ORDER BY row.id DESC LIMIT 1 OFFSET {skipped}
)"""
