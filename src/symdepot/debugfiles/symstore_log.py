"""Groups debug files by the hour of their upload, as transactions of symstore's log.

Clients cache a transaction, so it must not grow any more: it is listed when its hour is
over. Row ids grow with time, so the rows of an hour are a range of ids.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache

from django.db.models import QuerySet
from django.db.models.functions import TruncHour
from django.utils import timezone

from symdepot.debugfiles.models import DebugFile
from symdepot.projects.models import Organization, Project

_HOUR = timedelta(hours=1)
_COMMITTED_AFTER = timedelta(minutes=10)
"""After this time, all transactions of the database of an hour are committed."""
_ROWS_PER_QUERY = 2_000


def last_number() -> int:
    """Return the number of the newest that is over; 0 if there is none.

    Number 1 is the hour in which the first organization was created.
    """
    created_at = _created_at()
    if created_at is None:
        return 0
    over = timezone.now() - _COMMITTED_AFTER - created_at
    return max(over // _HOUR, 0)


def files_of(projects: QuerySet[Project], number: int) -> Iterator[DebugFile]:
    """Yield the current files of `projects` of a transaction that is over."""
    created_at = _created_at()
    if created_at is None:
        return
    began_at = created_at + (number - 1) * _HOUR
    row_id, end = first_since(began_at), first_since(began_at + _HOUR)
    current = (
        DebugFile.objects.current()
        .filter(project__in=projects.order_by().values("pk"), file__damaged_at=None)
        .order_by("pk")
    )
    while rows := current.filter(pk__gte=row_id, pk__lt=end)[:_ROWS_PER_QUERY]:
        yield from rows
        row_id = rows[len(rows) - 1].pk + 1


def history(projects: QuerySet[Project]) -> Iterator[tuple[int, datetime]]:
    """Yield number and hour of those that are over and have files of `projects`.

    Oldest first. Reads all rows of the projects.
    """
    created_at = _created_at()
    if created_at is None:
        return
    hours = (
        DebugFile.objects.current()
        .filter(project__in=projects.order_by().values("pk"))
        .annotate(hour=TruncHour("created_at"))
        .values_list("hour", flat=True)
        .order_by("hour")
        .distinct()
    )
    newest = last_number()
    for hour in hours:
        number = (hour - created_at) // _HOUR + 1
        if 1 <= number <= newest:
            yield number, hour


@cache
def first_since(time: datetime) -> int:
    """Return the lowest row id of files since `time`, which must be in the past.

    Binary search, in some twenty queries.
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


def _created_at() -> datetime | None:
    times = Organization.objects.order_by("pk").values_list("created_at", flat=True)
    first = times.first()
    return first and first.replace(minute=0, second=0, microsecond=0)
