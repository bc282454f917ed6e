"""Lists which files there are of a build id or a name, as far as time allows."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import batched, chain

from django.db.models import QuerySet

from symdepot.debugfiles.models import DebugFile, DebugFileQuerySet
from symdepot.domain.objects import Format
from symdepot.domain.selection import ranking
from symdepot.domain.selection.file_query import FileRole
from symdepot.domain.symbol_paths import globs
from symdepot.projects.models import Project

_MOST_FILES = 5_000
_MOST_SECONDS = 5.0
"""Source: debuginfod(8), `--metadata-maxtime`."""
_ROWS_AT_A_TIME = 50_000
"""Names have no index; so many are looked at in some ten milliseconds."""
_IDS_AT_A_TIME = 1_000
_LONGEST_NAME = 4096


class SearchKey(StrEnum):
    """What is known of the files that are wanted. Source: spec/serving 1.4."""

    FILE = "file"
    GLOB = "glob"
    BUILD_ID = "buildid"


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A file that serves as what `role` says."""

    role: FileRole
    build_id: str
    name: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Files, newest first; there may be more, unless it `is_complete`."""

    files: tuple[SearchHit, ...]
    is_complete: bool


def search(projects: QuerySet[Project], key: SearchKey, value: str) -> SearchResult:
    """Return the ELF files of `projects` that `value` names; each as all that it is.

    A name is compared as it was uploaded, a glob as `globs` has it.
    """
    if "\0" in value or len(value) > _LONGEST_NAME:
        return SearchResult((), is_complete=True)
    rows = (
        DebugFile.objects.current()
        .filter(
            project__in=projects.order_by().values("pk"),
            file_format=Format.ELF.value,
            file__damaged_at=None,
        )
        .exclude(code_id="")
    )
    if key is SearchKey.BUILD_ID:
        return _listed(iter([rows.filter(code_id=value).order_by("-pk")]))
    return _listed(_of_names(rows, key, value))


def _of_names(
    rows: DebugFileQuerySet, key: SearchKey, value: str
) -> Iterator[DebugFileQuerySet]:
    """Yield those of `rows` whose name is meant, and now and then none.

    Names are looked at in the order of row ids, whoever's they are: that is quicker
    than to look for each project's own.
    """
    if key is SearchKey.FILE:
        is_meant: Callable[[str], bool] = value.__eq__
        named = DebugFile.objects.filter(object_name=value)
    else:
        is_meant = globs.matcher(value)
        beginning = globs.literal_prefix(value)
        named = DebugFile.objects.filter(object_name__startswith=beginning)
    newest = DebugFile.objects.order_by("-pk").values_list("pk", flat=True)
    high = newest.first()
    while high is not None:
        low = high - _ROWS_AT_A_TIME
        names = named.filter(pk__lte=high, pk__gt=low).order_by("-pk")
        found = names.values_list("pk", "object_name").iterator()
        meant = (row_id for row_id, name in found if is_meant(name))
        for some in batched(meant, _IDS_AT_A_TIME):
            yield rows.filter(pk__in=some).order_by("-pk")
        yield rows.none()
        high = newest.filter(pk__lte=low).first()


def _listed(pages: Iterator[DebugFileQuerySet]) -> SearchResult:
    files: dict[SearchHit, None] = {}
    until = time.monotonic() + _MOST_SECONDS
    for page in pages:
        files.update(dict.fromkeys(chain.from_iterable(map(_known, page))))
        if len(files) > _MOST_FILES or time.monotonic() > until:
            return SearchResult(tuple(files)[:_MOST_FILES], is_complete=False)
    return SearchResult(tuple(files), is_complete=True)


def _known(row: DebugFile) -> Iterator[SearchHit]:
    kept = row.object_file()
    for role in (FileRole.EXECUTABLE, FileRole.DEBUGINFO):
        if ranking.can_serve(kept, role):
            yield SearchHit(role, row.code_id, row.object_name)
