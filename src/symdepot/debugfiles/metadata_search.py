"""Searches ELF files by build id or name for debuginfod's /metadata, within 5 s."""

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

_MAX_FILES = 5_000
_MAX_SECONDS = 5.0
"""Source: debuginfod(8), `--metadata-maxtime`."""
_ROWS_PER_PAGE = 50_000
"""Names have no index; reading so many takes some ten milliseconds."""
_IDS_PER_QUERY = 1_000
_MAX_NAME_LENGTH = 4096


class SearchKey(StrEnum):
    """What to search for. Source: spec/serving 1.4."""

    FILE = "file"
    GLOB = "glob"
    BUILD_ID = "buildid"


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A file that serves in `role`."""

    role: FileRole
    build_id: str
    name: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Files, newest first; there may be more unless it `is_complete`."""

    files: tuple[SearchHit, ...]
    is_complete: bool


def search(projects: QuerySet[Project], key: SearchKey, value: str) -> SearchResult:
    """Return the ELF files that match `value`, one hit for each role that they serve.

    Names are compared as they were uploaded; for globs see `symbol_paths.globs`.
    """
    if "\0" in value or len(value) > _MAX_NAME_LENGTH:
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
        return _collect(iter([rows.filter(code_id=value).order_by("-pk")]))
    return _collect(_pages_by_name(rows, key, value))


def _pages_by_name(
    rows: DebugFileQuerySet, key: SearchKey, value: str
) -> Iterator[DebugFileQuerySet]:
    """Yield those of `rows` whose name matches, in pages that may be empty.

    Reads the names of all projects in the order of row ids: that is quicker than to
    search each project.
    """
    if key is SearchKey.FILE:
        matches: Callable[[str], bool] = value.__eq__
        named = DebugFile.objects.filter(object_name=value)
    else:
        matches = globs.matcher(value)
        prefix = globs.literal_prefix(value)
        named = DebugFile.objects.filter(object_name__startswith=prefix)
    newest = DebugFile.objects.order_by("-pk").values_list("pk", flat=True)
    high = newest.first()
    while high is not None:
        low = high - _ROWS_PER_PAGE
        names = named.filter(pk__lte=high, pk__gt=low).order_by("-pk")
        found = names.values_list("pk", "object_name").iterator()
        matching = (row_id for row_id, name in found if matches(name))
        for some in batched(matching, _IDS_PER_QUERY):
            yield rows.filter(pk__in=some).order_by("-pk")
        yield rows.none()
        high = newest.filter(pk__lte=low).first()


def _collect(pages: Iterator[DebugFileQuerySet]) -> SearchResult:
    files: dict[SearchHit, None] = {}
    deadline = time.monotonic() + _MAX_SECONDS
    for page in pages:
        files.update(dict.fromkeys(chain.from_iterable(map(_hits, page))))
        if len(files) > _MAX_FILES or time.monotonic() > deadline:
            return SearchResult(tuple(files)[:_MAX_FILES], is_complete=False)
    return SearchResult(tuple(files), is_complete=True)


def _hits(row: DebugFile) -> Iterator[SearchHit]:
    found = row.object_file()
    for role in (FileRole.EXECUTABLE, FileRole.DEBUGINFO):
        if ranking.can_serve(found, role):
            yield SearchHit(role, row.code_id, row.object_name)
