"""What is here that is almost what somebody asked for in vain, and why it is not.

Questions are for many ids of one project at once: four to the database for each
hundred, whatever is found.

The newest files of a name, out of however many have it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import batched
from uuid import UUID

from django.db import connection

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.selection import ranking
from symdepot.domain.symbol_paths import file_names
from symdepot.projects.models import Project
from symdepot.uploads.models import Assembly, State

_LOOKED_AT = 10


def newest_of_names(
    project: Project, names: Collection[str]
) -> dict[str, list[DebugFile]]:
    """Return the newest current debug files of these bare names, newest first.

    A few of each, and in two questions; a name that none has is not in the answer.
    """
    rows = DebugFile.objects.within(project).current().filter(file__damaged_at=None)
    found: dict[str, list[DebugFile]] = {}
    wanted = row_ids(project, names, _LOOKED_AT)
    for row in rows.filter(pk__in=wanted).order_by("-pk"):
        found.setdefault(row.bare_name, []).append(row)
    return found


def row_ids(project: Project, names: Iterable[str], most: int) -> set[int]:
    """Return the row ids of the `most` newest files of each of these bare names.

    Each is a glance into the index, however many have the name.
    """
    wanted = sorted(set(names) - {""})
    if not wanted:
        return set()
    values = ", ".join(["(%s)"] * len(wanted))
    each = ", ".join(_NEWEST.format(skipped=n) for n in range(most))
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH wanted (name) AS (VALUES {values}) SELECT {each} FROM wanted",  # noqa: S608 -- placeholders and numbers
            [*wanted, *[project.pk] * most],
        )
        return {pk for row in cursor.fetchall() for pk in row if pk is not None}


_NEWEST = """(
    SELECT row.id FROM debugfiles_debugfile AS row
    WHERE row.project_id = %s AND row.bare_name = wanted.name
    ORDER BY row.id DESC LIMIT 1 OFFSET {skipped}
)"""


_ASKED_AT_ONCE = 100
_NAMESAKES = 3
_MOST_OF_A_KIND = 5
_MOST_ROWS = 5000
_LONGEST_NAME = 120
_LONGEST_DETAIL = 300
_NIL = UUID(int=0)


class NearMissKind(StrEnum):
    """How near it is, and what is the matter; the nearest first."""

    HERE = "here"
    NO_DEBUG_INFORMATION = "no_debug_information"
    NO_PROGRAM = "no_program"
    SUPERSEDED = "superseded"
    DAMAGED = "damaged"
    NO_SYMCACHE = "no_symcache"
    REFUSED = "refused"
    UNFINISHED = "unfinished"
    OTHER_AGE = "other_age"
    OTHER_DEBUG_ID = "other_debug_id"
    OTHER_CODE_ID = "other_code_id"
    SAME_NAME = "same_name"


@dataclass(frozen=True, slots=True)
class RequestedIds:
    """What somebody asks for: by one id or both, and by a name if one was given."""

    debug_id: DebugId | None
    code_id: CodeId | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Something that is almost it; `text` says in a sentence what keeps it from being it.

    Without a debug file it is an upload that has not become one.
    """

    kind: NearMissKind
    text: str
    debug_file: DebugFile | None = None


def find_near_misses(
    project: Project, sought: Collection[RequestedIds]
) -> dict[RequestedIds, list[NearMiss]]:
    """Return what `project` has that is near to each of these, the nearest first."""
    found: dict[RequestedIds, list[NearMiss]] = {}
    for some in batched(dict.fromkeys(sought), _ASKED_AT_ONCE):
        rows = _Rows(_rows(project, some))
        uploads = _uploads(project, some)
        for one in some:
            found[one] = _sorted([*_among(rows, one), *_on_their_way(uploads, one)])
    return found


def describe_file(row: DebugFile) -> str:
    """Return what a sentence calls a debug file."""
    return f"{row.object_name[:_LONGEST_NAME]} ({row.file_format}, {row.arch})"


def _sorted(found: Iterable[NearMiss]) -> list[NearMiss]:
    """Return the nearest first, and not too many of a kind."""
    by_kind: dict[NearMissKind, list[NearMiss]] = {kind: [] for kind in NearMissKind}
    for one in found:
        if len(by_kind[one.kind]) < _MOST_OF_A_KIND:
            by_kind[one.kind].append(one)
    return [one for group in by_kind.values() for one in group]


class _Rows:
    """Debug files by the ids and names that they may be looked for by."""

    def __init__(self, rows: Sequence[DebugFile]) -> None:
        self._by_uuid: dict[UUID, list[DebugFile]] = {}
        self._by_code_id: dict[str, list[DebugFile]] = {}
        self._by_name: dict[str, list[DebugFile]] = {}
        for row in rows:
            self._by_uuid.setdefault(_uuid(row), []).append(row)
            self._by_code_id.setdefault(row.code_id, []).append(row)
            self._by_name.setdefault(row.bare_name, []).append(row)

    def related(self, sought: RequestedIds) -> dict[int, DebugFile]:
        """Return those that share an id, by the ids of their rows."""
        uuid = sought.debug_id.uuid if sought.debug_id else _NIL
        code_id = str(sought.code_id or "")
        found = self._by_uuid.get(uuid, []) if uuid.int else []
        if code_id:
            found = [*found, *self._by_code_id.get(code_id, ())]
        return {row.pk: row for row in found}

    def namesakes(self, sought: RequestedIds) -> list[DebugFile]:
        """Return the newest of each id that have the name."""
        name = file_names.normalize(sought.name)
        newest: dict[str, DebugFile] = {}
        for row in self._by_name.get(name, ()) if name else ():
            newest.setdefault(_ids(row), row)
        return list(newest.values())


def _among(rows: _Rows, sought: RequestedIds) -> Iterator[NearMiss]:
    related = rows.related(sought)
    for pk in sorted(related, reverse=True):
        yield _related(related[pk], sought)
    others = [row for row in rows.namesakes(sought) if row.pk not in related]
    for row in others[:_NAMESAKES]:
        text = f"of {row.created_at:%Y-%m-%d} has another id: {_ids(row)}."
        yield _miss(NearMissKind.SAME_NAME, row, text)


def _related(row: DebugFile, sought: RequestedIds) -> NearMiss:
    """Say what a debug file is that has one of the ids."""
    debug_id = sought.debug_id
    is_it = debug_id is not None and row.debug_id == str(debug_id)
    is_of_code = _has_code_id(row, sought)
    if debug_id is not None and not is_it and _has_uuid(row, sought):
        age = row.object_file().debug_id.age
        text = f"has the same UUID, but age {age:x}, not {debug_id.age:x}."
        return _miss(NearMissKind.OTHER_AGE, row, text)
    if debug_id is not None and not is_it:
        text = f"has this code id, but debug id {row.debug_id}."
        return _miss(NearMissKind.OTHER_DEBUG_ID, row, text)
    if sought.code_id is not None and row.code_id and not is_of_code:
        text = f"has this debug id, but code id {row.code_id}."
        return _miss(NearMissKind.OTHER_CODE_ID, row, text)
    return _of_the_id(row)


def _has_code_id(row: DebugFile, sought: RequestedIds) -> bool:
    return sought.code_id is not None and row.code_id == sought.code_id.hex


def _has_uuid(row: DebugFile, sought: RequestedIds) -> bool:
    return sought.debug_id is not None and _uuid(row) == sought.debug_id.uuid


def _uuid(row: DebugFile) -> UUID:
    return DebugId.parse(row.debug_id).uuid


def _ids(row: DebugFile) -> str:
    is_nil = row.object_file().debug_id.is_nil
    return f"code id {row.code_id}" if is_nil else f"debug id {row.debug_id}"


def _of_the_id(row: DebugFile) -> NearMiss:
    held = ranking.describe_content(row.object_file())
    kind, text = NearMissKind.HERE, f"is here under this id, and holds {held}."
    if row.file.damaged_at is not None:
        kind = NearMissKind.DAMAGED
        text = "is here under this id, but its bytes are damaged: upload it again."
    elif row.superseded_at is not None:
        kind = NearMissKind.SUPERSEDED
        text = "is here under this id, but what was uploaded later took its place."
    elif not ranking.has_lines(row.object_file()):
        kind = NearMissKind.NO_DEBUG_INFORMATION
        text = f"is here under this id, without debug information: it holds {held}."
    elif ranking.lacks_program(row.object_file()):
        kind = NearMissKind.NO_PROGRAM
        text = f"is here under this id, without the program: it holds {held}."
    return _miss(kind, row, text)


def _miss(kind: NearMissKind, row: DebugFile, text: str) -> NearMiss:
    return NearMiss(kind, f"{describe_file(row)} {text}", row)


def _on_their_way(
    uploads: Sequence[Assembly], sought: RequestedIds
) -> Iterator[NearMiss]:
    for row in uploads:
        if row.debug_id == str(sought.debug_id):
            yield _upload(row)


def _upload(row: Assembly) -> NearMiss:
    what = f"An upload of {row.name[:_LONGEST_NAME]} as this id"
    day = f"{row.updated_at:%Y-%m-%d}"
    match row.state:
        case State.ERROR:
            text = f"{what} failed on {day}: {row.detail[:_LONGEST_DETAIL]}"
            return NearMiss(NearMissKind.REFUSED, text)
        case State.NOT_FOUND:
            text = f"{what} was begun on {day}, and waits for chunks."
        case _:
            text = f"{what} came on {day}, and is being assembled."
    return NearMiss(NearMissKind.UNFINISHED, text)


def _uploads(project: Project, some: Sequence[RequestedIds]) -> list[Assembly]:
    """Return those of these debug ids that have not become debug files, newest first."""
    ids = [str(one.debug_id) for one in some if _columns(one)[0]]
    rows = Assembly.objects.filter(project=project, debug_id__in=ids)
    return list(
        rows.exclude(state=State.OK)
        .defer("chunks")
        .order_by("-updated_at", "-pk")[:_MOST_ROWS]
    )


def _rows(project: Project, some: Sequence[RequestedIds]) -> list[DebugFile]:
    """Return all of these ids, of whatever age, and the newest of the names.

    The newest first.
    """
    ids = _of_ids(project, some)
    names = {file_names.normalize(one.name) for one in some}
    ids |= row_ids(project, names, _NAMESAKES)
    found = DebugFile.objects.filter(pk__in=sorted(ids, reverse=True)[:_MOST_ROWS])
    return list(found.select_related("file").order_by("-pk"))


def _of_ids(project: Project, some: Sequence[RequestedIds]) -> set[int]:
    values = [value for one in some for value in _columns(one)]
    rows = ", ".join(["(%s, %s, %s)"] * len(some))
    with connection.cursor() as cursor:
        cursor.execute(_NEAR.format(rows=rows), [*values, project.pk, project.pk])
        return {pk for (pk,) in cursor.fetchall()}


def _columns(one: RequestedIds) -> tuple[str, ...]:
    """Return a range of debug ids, and a code id; empty is what nothing has."""
    low = high = ""
    if one.debug_id is not None and one.debug_id.uuid.int:
        # After the UUID comes nothing, or a hyphen and hexadecimal digits.
        low, high = str(one.debug_id.uuid), f"{one.debug_id.uuid}-g"
    return low, high, str(one.code_id or "")


# Source: SQLite goes from left to right through a CROSS JOIN, and so looks up each of
# what is sought instead of reading all rows (sqlite.org/optoverview.html, "Manual
# Control Of Query Plans Using CROSS JOIN").
_NEAR = """
    WITH sought (low, high, code_id) AS (VALUES {rows})
    SELECT row.id FROM sought CROSS JOIN debugfiles_debugfile AS row
    WHERE row.project_id = %s
    AND row.debug_id >= sought.low AND row.debug_id < sought.high
    UNION ALL
    SELECT row.id FROM sought CROSS JOIN debugfiles_debugfile AS row
    WHERE row.project_id = %s
    AND row.code_id = sought.code_id AND sought.code_id <> ''
    """
