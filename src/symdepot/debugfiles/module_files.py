"""Finds the debug files of modules, many at once, wherever somebody may read."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import reduce
from itertools import batched
from operator import or_

from django.db import connection
from django.db.models import Q, QuerySet

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.selection import module_ids
from symdepot.domain.selection.module_ids import ModuleIds
from symdepot.projects.models import Project

_MODULES_A_QUESTION = 100
_MOST_ROWS = 5000


def find_files(
    projects: QuerySet[Project], wanted: Collection[ModuleIds]
) -> dict[ModuleIds, list[DebugFile]]:
    """Return the current debug files that each of these modules has, best first.

    What is known to be damaged is left out. One question for a hundred modules; one
    more for those that may have aged, and one for the projects.
    """
    readable = Q(project__in=projects.order_by().values("pk"))
    asked = [ids for ids in dict.fromkeys(wanted) if ids]
    aged = _aged(projects, [ids for ids in asked if module_ids.has_age(ids)])
    found: dict[ModuleIds, list[DebugFile]] = {ids: [] for ids in wanted}
    for some in batched(asked, _MODULES_A_QUESTION):
        rows = _candidates(readable, some, aged)
        objects = [row.object_file() for row in rows]
        by_id = _Index(rows)
        for ids in some:
            places = by_id.places(ids)
            near = [objects[place] for place in places]
            found[ids] = [rows[places[p]] for p in module_ids.rank(ids, near)]
    return found


class _Index:
    """Where in a list the rows are whose ids are the same or of another age."""

    def __init__(self, rows: Sequence[DebugFile]) -> None:
        self._by_uuid: dict[str, list[int]] = {}
        self._by_code_id: dict[str, list[int]] = {}
        for place, row in enumerate(rows):
            self._by_uuid.setdefault(row.debug_id[:36], []).append(place)
            self._by_code_id.setdefault(row.code_id, []).append(place)

    def places(self, ids: ModuleIds) -> list[int]:
        uuid = str(ids.debug_id.uuid) if ids.debug_id else ""
        code_id = str(ids.code_id or "-")
        near = {*self._by_uuid.get(uuid, ()), *self._by_code_id.get(code_id, ())}
        return sorted(near)


def _candidates(
    readable: Q, some: Sequence[ModuleIds], aged: Mapping[ModuleIds, Sequence[int]]
) -> list[DebugFile]:
    """Return all of these ids, or of another age, newest first."""
    matching = reduce(or_, _matches(readable, some, aged))
    rows = DebugFile.objects.current().filter(matching, file__damaged_at=None)
    newest_first = rows.select_related("file", "project__organization").order_by("-pk")
    return list(newest_first[:_MOST_ROWS])


def _matches(
    readable: Q, some: Sequence[ModuleIds], aged: Mapping[ModuleIds, Sequence[int]]
) -> Iterator[Q]:
    """Each is for an index of its own; see `finding`."""
    if debug_ids := [str(ids.debug_id) for ids in some if ids.debug_id]:
        yield readable & Q(debug_id__in=debug_ids)
    if code_ids := [ids.code_id.hex for ids in some if ids.code_id]:
        yield readable & Q(code_id__in=code_ids)
    if row_ids := [row_id for ids in some for row_id in aged.get(ids, ())]:
        yield Q(pk__in=sorted(row_ids, reverse=True)[:_MOST_ROWS])


def _aged(
    projects: QuerySet[Project], asked: Sequence[ModuleIds]
) -> dict[ModuleIds, list[int]]:
    """Return the row ids of files of the same UUID, whatever their age."""
    found: dict[ModuleIds, list[int]] = {}
    project_ids = [*projects.order_by().values_list("pk", flat=True)] if asked else []
    for some in batched(asked, _MODULES_A_QUESTION) if project_ids else ():
        places = ", ".join(["(%s, %s, %s)"] * len(some))
        ids = ", ".join(["%s"] * len(project_ids))
        values = [value for n, one in enumerate(some) for value in (n, *_range(one))]
        with connection.cursor() as cursor:
            asking = _AGED.format(rows=places, ids=ids)
            cursor.execute(asking, [*values, *project_ids, _MOST_ROWS])
            for place, row_id in cursor.fetchall():
                found.setdefault(some[place], []).append(row_id)
    return found


def _range(ids: ModuleIds) -> tuple[str, str]:
    # After the UUID comes nothing, or a hyphen and hexadecimal digits.
    uuid = str(ids.debug_id.uuid) if ids.debug_id else ""
    return uuid, f"{uuid}-g"


# Put together by Django, a hundred ranges take longer to write than to look up. For the
# CROSS JOIN see `near`.
_AGED = """
    WITH sought (place, low, high) AS (VALUES {rows})
    SELECT sought.place, row.id FROM sought
    CROSS JOIN debugfiles_debugfile AS row
    WHERE row.project_id IN ({ids}) AND row.superseded_at IS NULL
    AND row.debug_id >= sought.low AND row.debug_id < sought.high
    ORDER BY row.id DESC LIMIT %s
    """
