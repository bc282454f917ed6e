"""Finds the one file that serves what a debugger asks for, wherever it may read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.selection import ranking
from symdepot.domain.selection.file_query import AgeMatch, FileQuery
from symdepot.projects.models import Project

_MOST_CANDIDATES = 1000


@dataclass(frozen=True, slots=True)
class FileMatch:
    """The debug file that serves best, if any does.

    `newest` is the row id of the newest of these ids that is here, whether it serves or
    not; 0 if there is none.
    """

    fittest: DebugFile | None
    newest: int


def find_best(projects: QuerySet[Project], asked: FileQuery) -> DebugFile | None:
    """Return the current debug file of any of `projects` that serves `asked` best.

    One question to the database, whatever the number of projects; none of a debug
    file is answered from what is damaged.
    """
    return find_match(projects, asked).fittest


def find_match(projects: QuerySet[Project], asked: FileQuery) -> FileMatch:
    """Return the same, and what is here under these ids although it may not serve."""
    here = _candidates(projects, asked)
    sound = [row for row in here if row.file.damaged_at is None]
    place = ranking.best_match([row.object_file() for row in sound], asked)
    newest = here[0].pk if here else 0
    return FileMatch(None if place is None else sound[place], newest)


def _candidates(projects: QuerySet[Project], asked: FileQuery) -> Sequence[DebugFile]:
    """Return all current ones of such an id, newest first."""
    readable = Q(project__in=projects.order_by().values("pk"))
    rows = DebugFile.objects.current().filter(_of_ids(asked, readable))
    newest_first = rows.select_related("file", "project").order_by("-pk")
    return list(newest_first[:_MOST_CANDIDATES])


def _of_ids(asked: FileQuery, readable: Q) -> Q:
    """Match code ids, and debug ids of one age or, as a range of texts, of any.

    Each in what is `readable`: so databases use an index for each, and not one for all
    that a project has.
    """
    matches = []
    if asked.code_ids:
        matches.append(Q(code_id__in=[one.hex for one in asked.code_ids]))
    if asked.age is AgeMatch.EXACT and asked.debug_ids:
        matches.append(Q(debug_id__in=[str(one) for one in asked.debug_ids]))
    elif asked.age is not AgeMatch.EXACT:
        # After the UUID comes nothing, or a hyphen and hexadecimal digits.
        matches += [
            Q(debug_id__gte=str(one.uuid), debug_id__lt=f"{one.uuid}-g")
            for one in asked.debug_ids
        ]
    return reduce(or_, (readable & match for match in matches))
