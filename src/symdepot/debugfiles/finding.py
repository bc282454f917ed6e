"""Finds the one file that serves what a debugger asks for, wherever it may read."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from symdepot.debugfiles.models import DebugFile
from symdepot.domain import fitness
from symdepot.domain.asked import Age, Asked
from symdepot.projects.models import Project

_MOST_CANDIDATES = 1000


def fittest(projects: QuerySet[Project], asked: Asked) -> DebugFile | None:
    """Return the current debug file of any of `projects` that serves `asked` best.

    One question to the database, whatever the number of projects; none of a debug
    file is answered from what is damaged.
    """
    rows = _candidates(projects, asked)
    place = fitness.best([row.object_file() for row in rows], asked)
    return None if place is None else rows[place]


def _candidates(projects: QuerySet[Project], asked: Asked) -> Sequence[DebugFile]:
    """Return all with such an id and format, newest first."""
    rows = DebugFile.objects.current().filter(
        _of_ids(asked, Q(project__in=projects.order_by().values("pk"))),
        file_format__in=[one.value for one in asked.formats],
        file__damaged_at=None,
    )
    newest_first = rows.select_related("file", "project").order_by("-pk")
    return list(newest_first[:_MOST_CANDIDATES])


def _of_ids(asked: Asked, readable: Q) -> Q:
    """Match code ids, and debug ids of one age or, as a range of texts, of any.

    Each in what is `readable`: so databases use an index for each, and not one for all
    that a project has.
    """
    matches = []
    if asked.code_ids:
        matches.append(Q(code_id__in=[one.hex for one in asked.code_ids]))
    if asked.age is Age.EXACT and asked.debug_ids:
        matches.append(Q(debug_id__in=[str(one) for one in asked.debug_ids]))
    elif asked.age is not Age.EXACT:
        # After the UUID comes nothing, or a hyphen and hexadecimal digits.
        matches += [
            Q(debug_id__gte=str(one.uuid), debug_id__lt=f"{one.uuid}-g")
            for one in asked.debug_ids
        ]
    return reduce(or_, (readable & match for match in matches))
