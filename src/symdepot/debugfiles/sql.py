"""Raw SQL of this package, where Django's models cannot express it or are too slow.

- A debugger waits for each of thousands of lookups, most of them misses. The models
  take longer than the lookup: see docs/benchmarks.md.
- Django takes longer to write a hundred ranges of ids than the database to look them up.
- An upsert with conditions, and the newest few rows of each of many names.

Rows are named tuples. A CROSS JOIN is any other join to Postgres. SQLite goes through
its tables from left to right, and so looks up each id by an index instead of reading
all rows (sqlite.org/optoverview.html, "Manual Control Of Query Plans Using CROSS JOIN").
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from symdepot.debugfiles.miss_counter import Miss, MissCount
from symdepot.projects.access import ReadScope
from symdepot.projects.sql import Value, fetch_all


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids to look up: a debug file matches that has one of them.

    A UUID matches debug ids of any age.
    """

    code_ids: Collection[str] = ()
    debug_ids: Collection[str] = ()
    uuids: Collection[UUID] = ()


type ObjectColumns = tuple[str, str, str, str, str, str, str]
"""Those from `debug_id` to `object_name` of a `FileRow`."""


class FileRow(NamedTuple):
    """A debug file with its file and project. `features` is JSON."""

    row_id: int
    debug_id: str
    code_id: str
    arch: str
    file_format: str
    kind: str
    features: str
    object_name: str
    last_used_at: datetime | None
    file_id: int
    checksum: str
    size_bytes: int
    stored_at: datetime
    is_damaged: bool
    is_public: bool
    keep_unused_days: int | None

    def object_columns(self) -> ObjectColumns:
        """Return the columns that describe the object."""
        return self[1:8]


def current_files(scope: ReadScope, ids: Ids, limit: int) -> list[FileRow]:
    """Return the current debug files with these ids, newest first."""
    query, values = _matches(_FILES, scope, ids)
    if not query:
        return []
    return fetch_all(FileRow._make, query, [*values, limit])


def row_ids(
    scope: ReadScope, ids: Ids, limit: int, *, only_current: bool = True
) -> list[int]:
    """Return the row ids of the debug files with these ids, newest first."""
    query, values = _matches(_CURRENT_ROWS if only_current else _ROWS, scope, ids)
    return (
        [pk for (pk,) in fetch_all(tuple[int], query, [*values, limit])]
        if query
        else []
    )


def newest_of_names(
    project_id: int, names: Collection[str], count: int
) -> Sequence[int]:
    """Return the row ids of the `count` newest files of each of these bare names.

    Each is one lookup in the index, however many files have the name.
    """
    if not names:
        return []
    marks = _marks(len(names), "(%s)")
    each = ", ".join(_NEWEST_OF_NAME.format(offset=n) for n in range(count))
    query = _NEWEST_OF_NAMES.format(names=marks, each=each)
    rows = fetch_all(list[int | None], query, [*names, *[project_id] * count])
    return [pk for row in rows for pk in row if pk is not None]


def add_misses(counts: Mapping[Miss, MissCount]) -> None:
    """Add to the rows of missing ids; an id that was uploaded in the meantime is left out."""
    adapt = connection.ops.adapt_datetimefield_value
    values: list[Value] = []
    for miss, count in counts.items():
        times = adapt(count.first_at), adapt(count.last_at)
        values += [miss.project_id, miss.debug_id, miss.code_id, count.name, count.by]
        values += [count.count, *times, count.newest_row_id]
    row = f"({_marks(9)})"
    with connection.cursor() as cursor:
        cursor.execute(_ADD_MISSES.format(rows=_marks(len(counts), row)), values)


def usage(organization_id: int) -> list[tuple[int, ...]]:
    """Return row id, number of debug files, and bytes of chunks of each project.

    A chunk that several share counts for each.
    """
    return fetch_all(tuple[int, ...], _USAGE, [organization_id] * 2)


def _matches(template: str, scope: ReadScope, ids: Ids) -> tuple[str, list[Value]]:
    """Return a query with a branch, and thereby an index, for each kind of id."""
    readable, of_scope = _readable(scope)
    counts = (len(ids.code_ids), len(ids.debug_ids), len(ids.uuids))
    query = _query(template, readable, counts)
    values: list[Value] = []
    # Debug ids of a UUID end after it, or go on with a hyphen and hexadecimal digits.
    ranges = [end for uuid in ids.uuids for end in (str(uuid), f"{uuid}-g")]
    for wanted in (ids.code_ids, ids.debug_ids, ranges):
        if wanted:
            values += [*wanted, *of_scope]
    return query, values


@lru_cache(maxsize=256)
def _query(template: str, readable: str, counts: tuple[int, int, int]) -> str:
    """Return the query for so many code ids, debug ids and UUIDs; empty for none."""
    code_ids, debug_ids, uuids = counts
    branches = []
    if code_ids:
        # The build id first, which few files have, whatever the number of projects.
        condition = f"debug_file.code_id IN ({_marks(code_ids)})"
        branches.append((_FILE_FIRST, condition))
    if debug_ids:
        condition = f"debug_file.debug_id IN ({_marks(debug_ids)})"
        branches.append((_PROJECT_FIRST, condition))
    if uuids:
        ranges = _marks(uuids, "(%s, %s)")
        branches.append((_RANGES_FIRST.format(ranges=ranges), _IN_RANGE))
    query = " UNION ALL ".join(
        template.format(source=source, condition=condition, readable=readable)
        for source, condition in branches
    )
    return f"{query} ORDER BY 1 DESC LIMIT %s" if query else ""


def _readable(scope: ReadScope) -> tuple[str, list[Value]]:
    if scope.project_id is not None:
        # Both, so that either table may be the first.
        return "debug_file.project_id = %s AND project.id = %s", [scope.project_id] * 2
    if scope.organization_id is not None:
        return "project.organization_id = %s", [scope.organization_id]
    return "project.is_public", []


def _marks(count: int, mark: str = "%s") -> str:
    return ", ".join([mark] * count)


_FILE_FIRST = (
    "debugfiles_debugfile AS debug_file CROSS JOIN projects_project AS project"
)
_PROJECT_FIRST = (
    "projects_project AS project CROSS JOIN debugfiles_debugfile AS debug_file"
)
_RANGES_FIRST = f"(VALUES {{ranges}}) AS wanted CROSS JOIN {_PROJECT_FIRST}"
# The columns of VALUES have these names on SQLite and Postgres alike.
_IN_RANGE = (
    "debug_file.debug_id >= wanted.column1 AND debug_file.debug_id < wanted.column2"
)

# With `+ 0`, SQLite does not read all rows in the order of their ids instead.
_ROWS = """
    SELECT debug_file.id + 0 AS row_id FROM {source}
    WHERE {condition} AND {readable} AND project.id = debug_file.project_id
    """
_CURRENT_ROWS = f"{_ROWS} AND debug_file.superseded_at IS NULL"
_FILES = """
    SELECT debug_file.id + 0 AS row_id, debug_file.debug_id, debug_file.code_id,
        debug_file.arch, debug_file.file_format, debug_file.kind, debug_file.features,
        debug_file.object_name, debug_file.last_used_at, file.id, file.checksum,
        file.size_bytes, file.created_at, file.damaged_at IS NOT NULL,
        project.is_public, project.keep_unused_days
    FROM {source} CROSS JOIN uploads_file AS file
    WHERE {condition} AND {readable} AND project.id = debug_file.project_id
    AND debug_file.superseded_at IS NULL AND file.id = debug_file.file_id
    """
_NEWEST_OF_NAME = """(
    SELECT row.id FROM debugfiles_debugfile AS row
    WHERE row.project_id = %s AND row.bare_name = wanted.name
    ORDER BY row.id DESC LIMIT 1 OFFSET {offset}
)"""
_NEWEST_OF_NAMES = "WITH wanted (name) AS (VALUES {names}) SELECT {each} FROM wanted"

# Source: SQLite and Postgres agree on this; a WHERE keeps SQLite from taking ON for
# that of a join (sqlite.org/lang_upsert.html, "Parsing Ambiguity").
_ADD_MISSES = """
    WITH miss (project_id, debug_id, code_id, name, asked_by, count, first_at, last_at,
        newest_row_id)
    AS (VALUES {rows})
    INSERT INTO debugfiles_wantedid AS known
        (project_id, debug_id, code_id, name, asked_by, count, first_at, last_at)
    SELECT miss.project_id, miss.debug_id, miss.code_id, miss.name, miss.asked_by,
        miss.count, miss.first_at, miss.last_at
    FROM miss
    WHERE EXISTS (SELECT 1 FROM projects_project WHERE id = miss.project_id)
    AND NOT EXISTS (
        SELECT 1 FROM debugfiles_debugfile AS debug_file
        WHERE debug_file.project_id = miss.project_id
        AND debug_file.id > miss.newest_row_id
        AND miss.debug_id <> '' AND debug_file.debug_id = miss.debug_id
    )
    AND NOT EXISTS (
        SELECT 1 FROM debugfiles_debugfile AS debug_file
        WHERE debug_file.project_id = miss.project_id
        AND debug_file.id > miss.newest_row_id
        AND miss.code_id <> '' AND debug_file.code_id = miss.code_id
    )
    ON CONFLICT (project_id, debug_id, code_id) DO UPDATE SET
        count = known.count + excluded.count,
        first_at = CASE WHEN excluded.first_at < known.first_at
            THEN excluded.first_at ELSE known.first_at END,
        last_at = CASE WHEN excluded.last_at > known.last_at
            THEN excluded.last_at ELSE known.last_at END,
        asked_by = excluded.asked_by,
        name = CASE WHEN excluded.name <> '' THEN excluded.name ELSE known.name END
    """
_USAGE = """
    SELECT project.id, COALESCE(files.number, 0), COALESCE(chunks.total, 0)
    FROM projects_project AS project
    LEFT JOIN (
        SELECT project_id, COUNT(*) AS number
        FROM debugfiles_debugfile
        GROUP BY project_id
    ) AS files ON files.project_id = project.id
    LEFT JOIN (
        SELECT used.project_id, SUM(chunk.size_bytes) AS total
        FROM (
            SELECT DISTINCT debug_file.project_id, file_chunk.chunk_id
            FROM debugfiles_debugfile AS debug_file
            JOIN projects_project AS owner ON owner.id = debug_file.project_id
            JOIN uploads_filechunk AS file_chunk
                ON file_chunk.file_id = debug_file.file_id
            WHERE owner.organization_id = %s
        ) AS used
        JOIN uploads_chunk AS chunk ON chunk.id = used.chunk_id
        GROUP BY used.project_id
    ) AS chunks ON chunks.project_id = project.id
    WHERE project.organization_id = %s
    """
