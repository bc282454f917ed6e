"""How much there is to find, counted anew each minute."""

import time
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from uuid import UUID

from django.db.models import Count, QuerySet

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection import ranking
from symdepot.domain.selection.file_query import Role
from symdepot.projects.models import Project

_ROLES = (Role.DEBUGINFO, Role.EXECUTABLE)
_SECONDS = 60
_MOST_REMEMBERED = 64


def files(projects: QuerySet[Project]) -> Mapping[Role, int]:
    """Return how many current ELF files of `projects` serve as what.

    All of their rows are looked at, so the answer may be a minute old.
    """
    ids = tuple(projects.order_by("pk").values_list("pk", flat=True))
    return in_minute(ids, int(time.monotonic() / _SECONDS))


@lru_cache(maxsize=_MOST_REMEMBERED)
def in_minute(project_ids: tuple[int, ...], minute: int) -> Mapping[Role, int]:
    """Return the same for projects with these row ids, as of this minute."""
    alike = (
        DebugFile.objects.current()
        .filter(project__in=project_ids, file_format=Format.ELF.value)
        .values_list("kind", "features")
        .annotate(number=Count("pk"))
        .order_by()
    )
    total: Counter[Role] = Counter(dict.fromkeys(_ROLES, 0))
    for kind, features, number in alike:
        one = _such_as(kind, frozenset(features))
        total.update({role: number for role in _ROLES if ranking.serves(one, role)})
    return total


def _such_as(kind: str, features: frozenset[str]) -> ObjectFile:
    return ObjectFile(
        format=Format.ELF,
        kind=kind or None,
        arch="",
        debug_id=DebugId(UUID(int=0)),
        code_id=None,
        features=features,
        name="",
    )
