"""Sees in one lookup which file a build id finds, as `finding` does.

For answers that cost less than the models would.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.utils import timezone

from symdepot.debugfiles import usage
from symdepot.domain.ids import Checksum, CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection import ranking
from symdepot.domain.selection.file_query import FileQuery
from symdepot.projects import sql
from symdepot.projects.sql import Values
from symdepot.projects.token_lookup import ReaderRecord

_MOST_AT_HAND = 1024
_DAMAGED_AT, _ROW_ID = 7, 8
"""Where these columns stand; before them stands what describes the object."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A debug file, with all that may change of what is told about it.

    `is_noted` says that it was used not long ago, so that nobody need note it; two that
    differ in that alone are equal.
    """

    row_id: int
    checksum: Checksum
    size_bytes: int
    is_public: bool
    is_noted: bool = field(compare=False)


@dataclass(frozen=True, slots=True)
class RecordMatch:
    """As `finding.Found`, of a glimpse."""

    fittest: FileRecord | None
    newest: int


def find_match(who: ReaderRecord | None, asked: FileQuery) -> RecordMatch:
    """Return what `finding.found` returns, of all that `who` may read.

    None reads what is public. `asked` is one build id and nothing else.
    """
    here = sql.fetch_all(*_question(who, asked))
    if not here:
        return _NOTHING
    sound = [row for row in here if row[_DAMAGED_AT] is None]
    place = ranking.best_match(
        [_object_file(row[:_DAMAGED_AT]) for row in sound], asked
    )
    fittest = None if place is None else _glimpse(*sound[place][_ROW_ID:])
    return RecordMatch(fittest, here[0][_ROW_ID])


def _question(who: ReaderRecord | None, asked: FileQuery) -> tuple[str, Values]:
    [build_id] = asked.code_ids
    if who is None:
        return _PUBLIC, {"build_id": build_id.hex}
    if who.project_id is None:
        return _OF_ORGANIZATION, {"build_id": build_id.hex, "of": who.organization_id}
    return _OF_PROJECT, {"build_id": build_id.hex, "of": who.project_id}


@lru_cache(maxsize=_MOST_AT_HAND)
def _object_file(described: tuple[str, ...]) -> ObjectFile:
    """Read what is known of an object, as the database writes it."""
    debug_id, code_id, arch, file_format, kind, features, name = described
    return ObjectFile(
        format=Format(file_format),
        kind=kind or None,
        arch=arch,
        debug_id=DebugId.parse(debug_id),
        code_id=CodeId(code_id),
        features=frozenset(json.loads(features)),
        name=name,
    )


def _glimpse(*told: Any) -> FileRecord:
    row_id, checksum, size_bytes, is_public, last_used_at, keep_unused_days = told
    is_noted = _is_noted(last_used_at, keep_unused_days)
    return FileRecord(row_id, Checksum(checksum), size_bytes, is_public, is_noted)


def _is_noted(last_used_at: datetime | None, keep_unused_days: int | None) -> bool:
    if last_used_at is None:
        return False
    # SQLite's are in UTC and do not say so.
    used_at = last_used_at if last_used_at.tzinfo else last_used_at.replace(tzinfo=UTC)
    return timezone.now() - used_at <= usage.update_interval(keep_unused_days)


# Of a cross join SQLite keeps the order: the build id first, which few files have,
# whatever the number of projects. To Postgres it is any other join.
_QUESTION = """
    SELECT debug_file.debug_id, debug_file.code_id, debug_file.arch,
        debug_file.file_format, debug_file.kind, debug_file.features,
        debug_file.object_name, file.damaged_at, debug_file.id, file.checksum,
        file.size_bytes, project.is_public, debug_file.last_used_at,
        project.keep_unused_days
    FROM debugfiles_debugfile AS debug_file
    CROSS JOIN projects_project AS project
    CROSS JOIN uploads_file AS file
    WHERE debug_file.code_id = %(build_id)s
    AND project.id = debug_file.project_id
    AND debug_file.superseded_at IS NULL
    AND file.id = debug_file.file_id
    AND {readable}
    ORDER BY debug_file.id DESC
    LIMIT 1000
    """
_PUBLIC = _QUESTION.format(readable="project.is_public")
_OF_ORGANIZATION = _QUESTION.format(readable="project.organization_id = %(of)s")
_OF_PROJECT = _QUESTION.format(readable="debug_file.project_id = %(of)s")
_NOTHING = RecordMatch(None, 0)
