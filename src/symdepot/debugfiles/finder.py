"""Finds debug files by their ids, in all projects that a caller may read.

Two shapes. `find_match` answers one file query of a debugger with one raw SQL query and
no model. `find_files` returns the models of the files of many modules at once.
Damaged files are skipped.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, reduce
from itertools import batched
from operator import or_

from django.db.models import Q
from django.utils import timezone

from symdepot.debugfiles import sql, usage
from symdepot.debugfiles.models import DebugFile
from symdepot.debugfiles.sql import FileRow, Ids, ObjectColumns
from symdepot.domain import text_format
from symdepot.domain.ids import Checksum, CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection import id_matching, ranking
from symdepot.domain.selection.file_query import AgeMatch, FileQuery
from symdepot.domain.selection.id_matching import ModuleIds
from symdepot.projects.access import ReadScope

_MAX_CANDIDATES = 1000
_MODULES_PER_QUERY = 100
_MAX_ROWS = 5000
_MAX_OBJECTS = 1024
_UUID_LENGTH = 36


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A debug file with its file and project, without their models.

    Two are equal if a response with one serves for the other, too. `is_use_noted`: its
    last use was noted not long ago.
    """

    pk: int
    checksum: Checksum
    size_bytes: int
    is_public: bool
    is_use_noted: bool = field(compare=False)
    file_id: int = field(compare=False)
    stored_at: datetime = field(compare=False)
    keep_unused_days: int | None = field(compare=False)
    object: ObjectFile = field(compare=False)

    @property
    def object_name(self) -> str:
        """The file's name, as it was uploaded."""
        return self.object.name

    def __str__(self) -> str:
        found = self.object
        return f"{found.debug_id} ({found.name}; {found.arch})"


@dataclass(frozen=True, slots=True)
class FileMatch:
    """The debug file that serves a query best, if any does.

    `newest_row_id` is that of the newest file with these ids, whether it serves or not;
    0 if there is none. `damaged`: without a best, the file that would be it if its bytes
    were sound.
    """

    best: FileRecord | None
    newest_row_id: int
    damaged: FileRecord | None = None


def find_match(scope: ReadScope, query: FileQuery) -> FileMatch:
    """Return the best match. One SQL query for any number of projects."""
    rows = sql.current_files(scope, _ids(query), _MAX_CANDIDATES)
    if not rows:
        return FileMatch(None, 0)
    newest_row_id = rows[0].row_id
    best = _best([row for row in rows if not row.is_damaged], query)
    if best is not None:
        return FileMatch(best, newest_row_id)
    damaged = [row for row in rows if row.is_damaged]
    return FileMatch(None, newest_row_id, _best(damaged, query))


def _best(rows: Sequence[FileRow], query: FileQuery) -> FileRecord | None:
    objects = [_object_file(row.object_columns()) for row in rows]
    index = ranking.best_match(objects, query)
    return None if index is None else _record(rows[index], objects[index])


def note_use(file: FileRecord) -> None:
    """Update the last use of a found file if that is due."""
    if not file.is_use_noted:
        usage.update_last_use([file.pk], file.keep_unused_days)


def find_files(
    scope: ReadScope, modules: Collection[ModuleIds]
) -> dict[ModuleIds, list[DebugFile]]:
    """Return the current debug files of each module, best first.

    One query for a hundred modules, one more if files of other ages may serve, and as
    many again for modules without a debug id: a program with the code id has it.
    """
    found = {ids: list[DebugFile]() for ids in modules} | _ranked(scope, modules)
    completed = {
        ids: complete
        for ids, rows in found.items()
        if (complete := ids.completed(row.object_file() for row in rows))
    }
    of_debug_ids = _ranked(scope, completed.values())
    return found | {ids: of_debug_ids[one] for ids, one in completed.items()}


class IdIndex:
    """Finds debug files of a list by their ids."""

    def __init__(self, rows: Iterable[DebugFile]) -> None:
        self._by_id: dict[str, list[DebugFile]] = {}
        for row in rows:
            for key in (row.debug_id[:_UUID_LENGTH], f"code {row.code_id}"):
                self._by_id.setdefault(key, []).append(row)

    def find(self, debug_id: DebugId | None, code_id: CodeId | None) -> list[DebugFile]:
        """Return those with the code id, or the UUID of the debug id; newest first."""
        by_debug_id = self._by_id.get(str(debug_id.uuid), []) if debug_id else []
        by_code_id = self._by_id.get(f"code {code_id}", []) if code_id else []
        found = {row.pk: row for row in (*by_debug_id, *by_code_id)}
        return [found[pk] for pk in sorted(found, reverse=True)]


def _ranked(
    scope: ReadScope, modules: Collection[ModuleIds]
) -> dict[ModuleIds, list[DebugFile]]:
    """Return the files of modules that have ids, best first."""
    found: dict[ModuleIds, list[DebugFile]] = {}
    for some in batched(dict.fromkeys(filter(None, modules)), _MODULES_PER_QUERY):
        rows = _module_files(scope, some)
        objects = {row.pk: row.object_file() for row in rows}
        index = IdIndex(rows)
        for ids in some:
            newest_first = index.find(ids.debug_id, ids.code_id)
            ranked = id_matching.rank(ids, [objects[row.pk] for row in newest_first])
            found[ids] = [newest_first[rank] for rank in ranked]
    return found


def _ids(query: FileQuery) -> Ids:
    code_ids = [code_id.hex for code_id in query.code_ids]
    if query.age is AgeMatch.EXACT:
        return Ids(code_ids, debug_ids=[str(one) for one in query.debug_ids])
    return Ids(code_ids, uuids=[one.uuid for one in query.debug_ids])


def _module_files(scope: ReadScope, modules: Sequence[ModuleIds]) -> list[DebugFile]:
    """Return the files of these modules, newest first."""
    readable = Q(project__in=scope.projects().order_by().values("pk"))
    matching = reduce(or_, _conditions(scope, readable, modules))
    rows = DebugFile.objects.current().filter(matching, file__damaged_at=None)
    newest_first = rows.select_related("file", "project__organization").order_by("-pk")
    return list(newest_first[:_MAX_ROWS])


def _conditions(
    scope: ReadScope, readable: Q, modules: Sequence[ModuleIds]
) -> Iterator[Q]:
    """Yield a condition for each index, so that the database uses them all."""
    if debug_ids := [str(ids.debug_id) for ids in modules if ids.debug_id]:
        yield readable & Q(debug_id__in=debug_ids)
    if code_ids := [ids.code_id.hex for ids in modules if ids.code_id]:
        yield readable & Q(code_id__in=code_ids)
    if uuids := [
        ids.debug_id.uuid
        for ids in modules
        if ids.debug_id is not None and id_matching.has_age(ids)
    ]:
        yield Q(pk__in=sql.row_ids(scope, Ids(uuids=uuids), _MAX_ROWS))


def _record(row: FileRow, found: ObjectFile) -> FileRecord:
    return FileRecord(
        pk=row.row_id,
        checksum=Checksum(row.checksum),
        size_bytes=row.size_bytes,
        is_public=bool(row.is_public),
        is_use_noted=_is_use_noted(row),
        file_id=row.file_id,
        # SQLite's times are UTC without a zone.
        stored_at=text_format.as_utc(row.stored_at),
        keep_unused_days=row.keep_unused_days,
        object=found,
    )


@lru_cache(maxsize=_MAX_OBJECTS)
def _object_file(columns: ObjectColumns) -> ObjectFile:
    debug_id, code_id, arch, file_format, kind, features, name = columns
    return ObjectFile(
        format=Format(file_format),
        kind=kind or None,
        arch=arch,
        debug_id=DebugId.parse(debug_id),
        code_id=CodeId(code_id) if code_id else None,
        features=frozenset(json.loads(features)),
        name=name,
    )


def _is_use_noted(row: FileRow) -> bool:
    if row.last_used_at is None:
        return False
    age = timezone.now() - text_format.as_utc(row.last_used_at)
    return age <= usage.update_interval(row.keep_unused_days)
