"""Cuts the catalogue up by the hour in which files came, as a log of transactions.

Clients keep a transaction once they have read it, so it must not grow any more: it is
told of when its hour is over. Which rows are of an hour shows by their numbers, which
grow as time does; nobody needs to look at the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncHour
from django.utils import timezone

from symdepot.debugfiles.models import DebugFile
from symdepot.projects.models import Organization, Project

_HOUR = timedelta(hours=1)
_COMMITTED_AFTER = timedelta(minutes=10)
"""By then, what was entered in an hour can be seen, however busy the database."""
_ROWS_AT_A_TIME = 2_000


@dataclass(frozen=True, slots=True)
class LogTransaction:
    """The files that came in one hour."""

    number: int
    began_at: datetime


def last_number() -> int:
    """Return the number of the newest that is over; 0 if there is none.

    The first is that of the hour in which the first organization was founded.
    """
    founded_at = _founded_at()
    if founded_at is None:
        return 0
    over = timezone.now() - _COMMITTED_AFTER - founded_at
    return max(over // _HOUR, 0)


def files_of(projects: QuerySet[Project], number: int) -> Iterator[DebugFile]:
    """Yield the current files of `projects` of a transaction that is over."""
    founded_at = _founded_at()
    if founded_at is None:
        return
    began_at = founded_at + (number - 1) * _HOUR
    row_id, end = first_since(began_at), first_since(began_at + _HOUR)
    current = (
        DebugFile.objects.current()
        .filter(project__in=projects.order_by().values("pk"), file__damaged_at=None)
        .order_by("pk")
    )
    while rows := current.filter(pk__gte=row_id, pk__lt=end)[:_ROWS_AT_A_TIME]:
        yield from rows
        row_id = rows[len(rows) - 1].pk + 1


def history(projects: QuerySet[Project]) -> list[LogTransaction]:
    """Return those that are over and that `projects` have files of, oldest first.

    All rows of the projects are looked at.
    """
    founded_at = _founded_at()
    if founded_at is None:
        return []
    hours = (
        DebugFile.objects.current()
        .filter(project__in=projects.order_by().values("pk"))
        .annotate(hour=TruncHour("created_at"))
        .values("hour")
        .annotate(Count("pk"))
        .order_by("hour")
    )
    newest = last_number()
    found = (
        LogTransaction((one["hour"] - founded_at) // _HOUR + 1, one["hour"])
        for one in hours
    )
    return [one for one in found if 1 <= one.number <= newest]


@cache
def first_since(time: datetime) -> int:
    """Return the least number that a row can have which came since `time`, in the past.

    It is searched for by halves, in some twenty questions.
    """
    ids = DebugFile.objects.order_by("pk").values_list("pk", "created_at")
    newest = ids.last()
    low, high = 0, 0 if newest is None else newest[0] + 1
    while low < high:
        middle = (low + high) // 2
        row = ids.filter(pk__gte=middle, pk__lt=high).first()
        if row is not None and row[1] < time:
            low = row[0] + 1
        else:
            high = middle
    return low


def _founded_at() -> datetime | None:
    times = Organization.objects.order_by("pk").values_list("created_at", flat=True)
    first = times.first()
    return first and first.replace(minute=0, second=0, microsecond=0)
