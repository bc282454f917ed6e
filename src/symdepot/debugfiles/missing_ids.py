"""Missing ids: ids that clients requested and that no debug file has.

On the wire, in the database and on the command line they are called wanted ids.
"""

from collections.abc import Mapping
from enum import StrEnum
from itertools import batched

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from symdepot.debugfiles import sql
from symdepot.debugfiles.miss_counter import Miss, MissCount, MissCounter
from symdepot.debugfiles.models import DebugFile, WantedId
from symdepot.debugfiles.near_misses import RequestedIds, without_nil
from symdepot.domain import text_format
from symdepot.domain.errors import MissingIdNotListed
from symdepot.projects.models import Project
from symdepot.projects.organizations import is_row_id

MAX_PER_PROJECT = 100_000
"""Beyond this number, the ids that were last requested longest ago are deleted."""

_ROWS_PER_STATEMENT = 500
_MAX_NAME_LENGTH = 500
_MAX_CALLER_LENGTH = 250


class MissingIdOrder(StrEnum):
    """The order of a list: last requested first, or most often requested first."""

    LATEST = "latest"
    MOST = "most"


def record_miss(
    project_id: int, requested: RequestedIds, *, by: str, newest_row_id: int = 0
) -> None:
    """Count a query of `by` without a result. Cheap, never fails, written later.

    `newest_row_id`: files with these ids up to this row cannot serve; a newer one may.
    Nil ids are ignored, since no file can have them.
    """
    debug_id = without_nil(requested.debug_id)
    miss = Miss(project_id, str(debug_id or ""), str(requested.code_id or ""))
    if miss.debug_id or miss.code_id:
        now, caller = timezone.now(), _storable(by)[:_MAX_CALLER_LENGTH]
        name = _storable(requested.name)[:_MAX_NAME_LENGTH]
        COUNTER.add(miss, MissCount(1, now, now, caller, name, newest_row_id))


def clear(arrived: DebugFile) -> None:
    """Delete the missing ids of a new debug file, in the transaction that adds it."""
    answers = Q()
    if not arrived.object_file().debug_id.is_nil:
        answers |= Q(debug_id=arrived.debug_id)
    if arrived.code_id:
        answers |= Q(code_id=arrived.code_id)
    if answers:
        WantedId.objects.filter(answers, project=arrived.project_id).delete()


def list_ids(
    project: Project, order: MissingIdOrder = MissingIdOrder.LATEST
) -> QuerySet[WantedId]:
    """Return the missing ids of `project`, unsliced."""
    keys = ["-last_at", "-pk"] if order is MissingIdOrder.LATEST else ["-count", "-pk"]
    return WantedId.objects.filter(project=project).order_by(*keys)


def as_json(row: WantedId) -> dict[str, object]:
    """Return one as JSON; an id or name that was not given is None."""
    return {
        "id": str(row.pk),
        "debugId": row.debug_id or None,
        "codeId": row.code_id or None,
        "name": row.name or None,
        "count": row.count,
        "firstAsked": text_format.format_time(row.first_at),
        "lastAsked": text_format.format_time(row.last_at),
        "askedBy": row.asked_by,
    }


@transaction.atomic
def dismiss(project: Project, row_id: str) -> None:
    """Delete one; it comes back when it is requested again.

    Raises:
        MissingIdNotListed: `project` has none with this row id.
    """
    _lock([project.pk])
    rows = WantedId.objects.filter(project=project)
    if not is_row_id(row_id) or not rows.filter(pk=int(row_id)).delete()[0]:
        raise MissingIdNotListed(row_id)


@transaction.atomic
def dismiss_all(project: Project) -> int:
    """Delete all of `project`; return their number."""
    _lock([project.pk])
    return WantedId.objects.filter(project=project).delete()[0]


@transaction.atomic
def _write(counts: Mapping[Miss, MissCount]) -> None:
    projects = sorted({miss.project_id for miss in counts})
    _lock(projects)
    for some in batched(sorted(counts), _ROWS_PER_STATEMENT):
        sql.add_misses({miss: counts[miss] for miss in some})
    for project_id in projects:
        _trim(project_id)


def _lock(project_ids: list[int]) -> None:
    """Exclude `catalogue.add`: an id must not be added while its file arrives."""
    projects = Project.objects.select_for_update(no_key=True).order_by("pk")
    list(projects.filter(pk__in=project_ids).values_list("pk"))


def _trim(project_id: int) -> None:
    rows = WantedId.objects.filter(project=project_id)
    excess = rows.count() - MAX_PER_PROJECT
    if excess > 0:
        oldest = rows.order_by("last_at", "pk").values("pk")[:excess]
        WantedId.objects.filter(pk__in=oldest).delete()


def _storable(text: str) -> str:
    """Return `text` without characters that a database refuses."""
    return text.encode(errors="replace").decode().replace("\0", "")


COUNTER = MissCounter(_write)
"""The counter of this process."""
