"""Lists which files there are of a build id or a name, as far as time allows."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import QuerySet

from symdepot.debugfiles.models import DebugFile, DebugFileQuerySet
from symdepot.domain import fitness, globs
from symdepot.domain.asked import Role
from symdepot.domain.objects import Format
from symdepot.projects.models import Project

_MOST_FILES = 5_000
_MOST_SECONDS = 5.0
"""Source: debuginfod(8), `--metadata-maxtime`."""
_ROWS_AT_A_TIME = 50_000
"""Names have no index; so many are looked at in some ten milliseconds."""
_LONGEST_NAME = 4096


class Key(StrEnum):
    """What is known of the files that are wanted. Source: spec/serving 1.4."""

    FILE = "file"
    GLOB = "glob"
    BUILD_ID = "buildid"


@dataclass(frozen=True, slots=True)
class Known:
    """A file that serves as what `role` says."""

    role: Role
    build_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Found:
    """Files, newest first; there may be more, unless it `is_complete`."""

    files: tuple[Known, ...]
    is_complete: bool


def search(projects: QuerySet[Project], key: Key, value: str) -> Found:
    """Return the ELF files of `projects` that `value` names; each as all that it is.

    A name is compared as it was uploaded, a glob as `globs` has it.
    """
    if "\0" in value or len(value) > _LONGEST_NAME:
        return Found((), is_complete=True)
    rows = (
        DebugFile.objects.current()
        .filter(
            project__in=projects.order_by().values("pk"),
            file_format=Format.ELF.value,
            file__damaged_at=None,
        )
        .exclude(code_id="")
    )
    match key:
        case Key.BUILD_ID:
            pages = iter([rows.filter(code_id=value).order_by("-pk")])
        case Key.FILE:
            pages = _pages(rows, rows.filter(object_name=value))
        case Key.GLOB:
            beginning = globs.beginning(value)
            pages = _pages(rows, rows.filter(object_name__startswith=beginning))
    return _listed(pages, globs.matcher(value) if key is Key.GLOB else _any)


def _any(name: str) -> bool:
    return True


def _pages(
    rows: DebugFileQuerySet, wanted: DebugFileQuerySet
) -> Iterator[DebugFileQuerySet]:
    """Cut `wanted` up so that no question looks at more than so many of `rows`."""
    above = rows.order_by("-pk").values_list("pk", flat=True)
    newest = above.first()
    while newest is not None:
        oldest = newest - _ROWS_AT_A_TIME
        yield wanted.filter(pk__lte=newest, pk__gt=oldest).order_by("-pk")
        newest = above.filter(pk__lte=oldest).first()


def _listed(
    pages: Iterator[DebugFileQuerySet], is_meant: Callable[[str], bool]
) -> Found:
    files: dict[Known, None] = {}
    until = time.monotonic() + _MOST_SECONDS
    for page in pages:
        for row in page.iterator():
            if is_meant(row.object_name):
                files.update(dict.fromkeys(_known(row)))
            if len(files) > _MOST_FILES or time.monotonic() > until:
                return Found(tuple(files)[:_MOST_FILES], is_complete=False)
        if time.monotonic() > until:
            return Found(tuple(files), is_complete=False)
    return Found(tuple(files), is_complete=True)


def _known(row: DebugFile) -> Iterator[Known]:
    kept = row.object_file()
    for role in (Role.EXECUTABLE, Role.DEBUGINFO):
        if fitness.serves(kept, role):
            yield Known(role, row.code_id, row.object_name)
