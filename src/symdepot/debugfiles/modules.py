"""Finds the debug files of modules, many at once, wherever somebody may read."""

from collections.abc import Collection, Iterator, Sequence
from functools import reduce
from itertools import batched
from operator import or_

from django.db.models import Q, QuerySet

from symdepot.debugfiles.models import DebugFile
from symdepot.domain import modules
from symdepot.domain.modules import ModuleIds
from symdepot.projects.models import Project

_MODULES_A_QUESTION = 100
_MOST_ROWS = 5000


def of_ids(
    projects: QuerySet[Project], wanted: Collection[ModuleIds]
) -> dict[ModuleIds, list[DebugFile]]:
    """Return the current debug files that each of these modules has, best first.

    What is known to be damaged is left out. One question for a hundred modules.
    """
    readable = Q(project__in=projects.order_by().values("pk"))
    asked = [ids for ids in dict.fromkeys(wanted) if ids]
    found: dict[ModuleIds, list[DebugFile]] = {ids: [] for ids in wanted}
    for some in batched(asked, _MODULES_A_QUESTION):
        rows = _candidates(readable, some)
        objects = [row.object_file() for row in rows]
        by_id = _Index(rows)
        for ids in some:
            places = by_id.places(ids)
            near = [objects[place] for place in places]
            found[ids] = [rows[places[p]] for p in modules.ranked(ids, near)]
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


def _candidates(readable: Q, some: Sequence[ModuleIds]) -> list[DebugFile]:
    """Return all of these ids, or of a later age, newest first."""
    matching = reduce(or_, (readable & one for one in _matches(some)))
    rows = DebugFile.objects.current().filter(matching, file__damaged_at=None)
    newest_first = rows.select_related("file", "project__organization").order_by("-pk")
    return list(newest_first[:_MOST_ROWS])


def _matches(some: Sequence[ModuleIds]) -> Iterator[Q]:
    """Each is for an index of its own; see `finding`."""
    if debug_ids := [str(ids.debug_id) for ids in some if ids.debug_id]:
        yield Q(debug_id__in=debug_ids)
    if code_ids := [ids.code_id.hex for ids in some if ids.code_id]:
        yield Q(code_id__in=code_ids)
    for ids in some:
        if ids.debug_id is not None and modules.may_have_aged(ids):
            # After the UUID comes nothing, or a hyphen and hexadecimal digits.
            uuid = str(ids.debug_id.uuid)
            yield Q(debug_id__gte=uuid, debug_id__lt=f"{uuid}-g")
