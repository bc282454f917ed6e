"""Ids that somebody asked for and that are not here."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from itertools import batched

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from symdepot.debugfiles.miss_counter import Miss, MissCount, MissCounter
from symdepot.debugfiles.models import DebugFile, WantedId
from symdepot.debugfiles.near_misses import RequestedIds
from symdepot.domain import text_format
from symdepot.domain.errors import MissingIdNotListed
from symdepot.domain.ids import CodeId, DebugId
from symdepot.projects.access import is_row_id
from symdepot.projects.models import Project

MAX_PER_PROJECT = 100_000
"""How many ids are kept for a project; those that were asked for longest ago go."""

_ROWS_A_STATEMENT = 500
_LONGEST_NAME = 500
_LONGEST_ASKER = 250


class MissingIdOrder(StrEnum):
    """What stands first in a list."""

    LATEST = "latest"
    MOST = "most"


def record(
    project: Project,
    *,
    debug_id: DebugId | None,
    code_id: CodeId | None,
    by: str,
    name: str = "",
) -> None:
    """Count that `by` asked for these ids, and that nothing has them.

    Cheap and sure: it is written down a moment later, by somebody else. Nil ids, which
    nothing could ever answer to, are passed over.
    """
    record_unusable(project, RequestedIds(debug_id, code_id, name), by=by, useless=0)


def record_unusable(
    project: Project, sought: RequestedIds, *, by: str, useless: int
) -> None:
    """Count the same, although files of these ids are here: they do not serve.

    `useless` is the row id of the newest of them; what has come since may serve.
    """
    debug_id = sought.debug_id
    has_id = debug_id is not None and debug_id.uuid.int != 0
    miss = Miss(project.pk, str(debug_id) if has_id else "", str(sought.code_id or ""))
    record_miss(miss, by=by, name=sought.name, useless=useless)


def record_miss(miss: Miss, *, by: str, name: str, useless: int) -> None:
    """Count the same, of a project that is known by its row alone."""
    if miss.debug_id or miss.code_id:
        now, asker = timezone.now(), _kept(by)[:_LONGEST_ASKER]
        asking = MissCount(1, now, now, asker, _kept(name)[:_LONGEST_NAME], useless)
        COUNTER.add(miss, asking)


def clear(arrived: DebugFile) -> None:
    """Forget that anybody asked in vain for what has now arrived.

    In the transaction in which it arrives.
    """
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
    """Return what is wanted of `project`, unsliced."""
    keys = ["-last_at", "-pk"] if order is MissingIdOrder.LATEST else ["-count", "-pk"]
    return WantedId.objects.filter(project=project).order_by(*keys)


def as_json(row: WantedId) -> dict[str, object]:
    """Return one as JSON takes it; an id or name that was not given is None."""
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
    """Forget one; it comes back when it is asked for again.

    Raises:
        WantedIdMissing: `project` has none under this row id.
    """
    _take_turns([project.pk])
    rows = WantedId.objects.filter(project=project)
    if not is_row_id(row_id) or not rows.filter(pk=int(row_id)).delete()[0]:
        raise MissingIdNotListed(row_id)


@transaction.atomic
def dismiss_all(project: Project) -> int:
    """Forget all that `project` has; return how many."""
    _take_turns([project.pk])
    return WantedId.objects.filter(project=project).delete()[0]


@transaction.atomic
def _write(gathered: Mapping[Miss, MissCount]) -> None:
    """Add `gathered` to what is known, less what has arrived in the meantime."""
    projects = sorted({miss.project_id for miss in gathered})
    _take_turns(projects)
    for some in batched(sorted(gathered), _ROWS_A_STATEMENT):
        values = [value for miss in some for value in _columns(miss, gathered[miss])]
        row = "(" + ", ".join(["%s"] * (len(values) // len(some))) + ")"
        with connection.cursor() as cursor:
            cursor.execute(_UPSERT.format(rows=", ".join([row] * len(some))), values)
    for project_id in projects:
        _trim(project_id)


def _take_turns(project_ids: list[int]) -> None:
    """Hold up files that are just arriving, so that none is missed; see `catalogue`."""
    projects = Project.objects.select_for_update(no_key=True).order_by("pk")
    list(projects.filter(pk__in=project_ids).values_list("pk"))


def _columns(miss: Miss, asking: MissCount) -> tuple[int | str | datetime | None, ...]:
    written = connection.ops.adapt_datetimefield_value
    return (
        miss.project_id,
        miss.debug_id,
        miss.code_id,
        asking.name,
        asking.by,
        asking.count,
        written(asking.first_at),
        written(asking.last_at),
        asking.useless,
    )


def _trim(project_id: int) -> None:
    rows = WantedId.objects.filter(project=project_id)
    excess = rows.count() - MAX_PER_PROJECT
    if excess > 0:
        oldest = rows.order_by("last_at", "pk").values("pk")[:excess]
        WantedId.objects.filter(pk__in=oldest).delete()


def _kept(text: str) -> str:
    """Return `text` as any database takes it."""
    return text.encode(errors="replace").decode().replace("\0", "")


COUNTER = MissCounter(_write)
"""What this process has gathered."""

# Source: SQLite and Postgres agree on this; a WHERE keeps SQLite from taking ON for
# that of a join (sqlite.org/lang_upsert.html, "Parsing Ambiguity").
_UPSERT = """
    WITH asked (project_id, debug_id, code_id, name, asked_by, count, first_at, last_at,
        useless)
    AS (VALUES {rows})
    INSERT INTO debugfiles_wantedid AS kept
        (project_id, debug_id, code_id, name, asked_by, count, first_at, last_at)
    SELECT asked.project_id, asked.debug_id, asked.code_id, asked.name, asked.asked_by,
        asked.count, asked.first_at, asked.last_at
    FROM asked
    WHERE EXISTS (SELECT 1 FROM projects_project WHERE id = asked.project_id)
    AND NOT EXISTS (
        SELECT 1 FROM debugfiles_debugfile AS debug_file
        WHERE debug_file.project_id = asked.project_id
        AND debug_file.id > asked.useless
        AND asked.debug_id <> '' AND debug_file.debug_id = asked.debug_id
    )
    AND NOT EXISTS (
        SELECT 1 FROM debugfiles_debugfile AS debug_file
        WHERE debug_file.project_id = asked.project_id
        AND debug_file.id > asked.useless
        AND asked.code_id <> '' AND debug_file.code_id = asked.code_id
    )
    ON CONFLICT (project_id, debug_id, code_id) DO UPDATE SET
        count = kept.count + excluded.count,
        first_at = CASE WHEN excluded.first_at < kept.first_at
            THEN excluded.first_at ELSE kept.first_at END,
        last_at = CASE WHEN excluded.last_at > kept.last_at
            THEN excluded.last_at ELSE kept.last_at END,
        asked_by = excluded.asked_by,
        name = CASE WHEN excluded.name <> '' THEN excluded.name ELSE kept.name END
    """
