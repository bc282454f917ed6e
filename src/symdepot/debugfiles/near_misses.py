"""Near misses: debug files and uploads that almost have a missing id, and why not.

Queries are for many ids of one project at once: four to the database for each hundred.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import batched
from uuid import UUID

from symdepot.debugfiles import sql
from symdepot.debugfiles.models import DebugFile
from symdepot.debugfiles.sql import Ids
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.selection import ranking
from symdepot.domain.symbol_paths import file_names
from symdepot.projects.access import ReadScope
from symdepot.projects.models import Project
from symdepot.uploads.models import Assembly, State

_IDS_PER_QUERY = 100
_NEWEST_PER_NAME = 10
_MAX_SAME_NAME = 3
_MAX_PER_KIND = 5
_MAX_ROWS = 5000
_MAX_NAME_LENGTH = 120
_MAX_DETAIL_LENGTH = 300
_NIL = UUID(int=0)


class NearMissKind(StrEnum):
    """Why it does not serve, the nearest first."""

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
    """The ids and the name of a query; at least one id, and the name if known."""

    debug_id: DebugId | None
    code_id: CodeId | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A debug file, or an upload that has not become one; `text` says why not."""

    kind: NearMissKind
    text: str
    debug_file: DebugFile | None = None


def find_near_misses(
    project: Project, wanted: Collection[RequestedIds]
) -> dict[RequestedIds, list[NearMiss]]:
    """Return the near misses in `project` for each of these, the nearest first."""
    found: dict[RequestedIds, list[NearMiss]] = {}
    for some in batched(dict.fromkeys(wanted), _IDS_PER_QUERY):
        rows = _Rows(_rows(project, some))
        uploads = _uploads(project, some)
        for one in some:
            found[one] = _nearest([*_stored(rows, one), *_uploaded(uploads, one)])
    return found


def newest_of_names(
    project: Project, names: Collection[str]
) -> dict[str, list[DebugFile]]:
    """Return the newest current debug files of each of these bare names, newest first.

    A few of each, in two queries. A name without any is not in the result.
    """
    wanted = sql.newest_of_names(project.pk, sorted({*names} - {""}), _NEWEST_PER_NAME)
    rows = DebugFile.objects.within(project).current().filter(file__damaged_at=None)
    found: dict[str, list[DebugFile]] = {}
    for row in rows.filter(pk__in=wanted).order_by("-pk"):
        found.setdefault(row.bare_name, []).append(row)
    return found


def describe_file(row: DebugFile) -> str:
    """Return a debug file's name, format and architecture for a sentence."""
    return f"{row.object_name[:_MAX_NAME_LENGTH]} ({row.file_format}, {row.arch})"


def _nearest(found: Iterable[NearMiss]) -> list[NearMiss]:
    """Return the nearest first, a few of each kind."""
    by_kind: dict[NearMissKind, list[NearMiss]] = {kind: [] for kind in NearMissKind}
    for one in found:
        if len(by_kind[one.kind]) < _MAX_PER_KIND:
            by_kind[one.kind].append(one)
    return [one for group in by_kind.values() for one in group]


class _Rows:
    """Debug files by UUID, code id and bare name."""

    def __init__(self, rows: Sequence[DebugFile]) -> None:
        self._by_uuid: dict[UUID, list[DebugFile]] = {}
        self._by_code_id: dict[str, list[DebugFile]] = {}
        self._by_name: dict[str, list[DebugFile]] = {}
        for row in rows:
            self._by_uuid.setdefault(_uuid(row), []).append(row)
            self._by_code_id.setdefault(row.code_id, []).append(row)
            self._by_name.setdefault(row.bare_name, []).append(row)

    def related(self, wanted: RequestedIds) -> dict[int, DebugFile]:
        """Return those that share an id, by row id."""
        uuid = wanted.debug_id.uuid if wanted.debug_id else _NIL
        code_id = str(wanted.code_id or "")
        found = self._by_uuid.get(uuid, []) if uuid.int else []
        if code_id:
            found = [*found, *self._by_code_id.get(code_id, ())]
        return {row.pk: row for row in found}

    def with_name(self, wanted: RequestedIds) -> list[DebugFile]:
        """Return those that have the name, the newest of each id."""
        name = file_names.normalize(wanted.name)
        newest: dict[str, DebugFile] = {}
        for row in self._by_name.get(name, ()) if name else ():
            newest.setdefault(_ids(row), row)
        return list(newest.values())


def _stored(rows: _Rows, wanted: RequestedIds) -> Iterator[NearMiss]:
    related = rows.related(wanted)
    for pk in sorted(related, reverse=True):
        yield _related(related[pk], wanted)
    others = [row for row in rows.with_name(wanted) if row.pk not in related]
    for row in others[:_MAX_SAME_NAME]:
        text = f"of {row.created_at:%Y-%m-%d} has another id: {_ids(row)}."
        yield _miss(NearMissKind.SAME_NAME, row, text)


def _related(row: DebugFile, wanted: RequestedIds) -> NearMiss:
    """Describe a debug file that has one of the ids."""
    debug_id = wanted.debug_id
    has_debug_id = debug_id is not None and row.debug_id == str(debug_id)
    has_code_id = _has_code_id(row, wanted)
    if debug_id is not None and not has_debug_id and _has_uuid(row, wanted):
        age = row.object_file().debug_id.age
        text = f"has the same UUID, but age {age:x}, not {debug_id.age:x}."
        return _miss(NearMissKind.OTHER_AGE, row, text)
    if debug_id is not None and not has_debug_id:
        text = f"has this code id, but debug id {row.debug_id}."
        return _miss(NearMissKind.OTHER_DEBUG_ID, row, text)
    if wanted.code_id is not None and row.code_id and not has_code_id:
        text = f"has this debug id, but code id {row.code_id}."
        return _miss(NearMissKind.OTHER_CODE_ID, row, text)
    return _with_the_ids(row)


def _has_code_id(row: DebugFile, wanted: RequestedIds) -> bool:
    return wanted.code_id is not None and row.code_id == wanted.code_id.hex


def _has_uuid(row: DebugFile, wanted: RequestedIds) -> bool:
    return wanted.debug_id is not None and _uuid(row) == wanted.debug_id.uuid


def _uuid(row: DebugFile) -> UUID:
    return DebugId.parse(row.debug_id).uuid


def _ids(row: DebugFile) -> str:
    is_nil = row.object_file().debug_id.is_nil
    return f"code id {row.code_id}" if is_nil else f"debug id {row.debug_id}"


def _with_the_ids(row: DebugFile) -> NearMiss:
    content = ranking.describe_content(row.object_file())
    kind, text = NearMissKind.HERE, f"is here under this id, and holds {content}."
    if row.file.damaged_at is not None:
        kind = NearMissKind.DAMAGED
        text = "is here under this id, but its bytes are damaged: upload it again."
    elif row.superseded_at is not None:
        kind = NearMissKind.SUPERSEDED
        text = "is here under this id, but what was uploaded later took its place."
    elif not ranking.has_lines(row.object_file()):
        kind = NearMissKind.NO_DEBUG_INFORMATION
        text = f"is here under this id, without debug information: it holds {content}."
    elif ranking.lacks_program(row.object_file()):
        kind = NearMissKind.NO_PROGRAM
        text = f"is here under this id, without the program: it holds {content}."
    return _miss(kind, row, text)


def _miss(kind: NearMissKind, row: DebugFile, text: str) -> NearMiss:
    return NearMiss(kind, f"{describe_file(row)} {text}", row)


def _uploaded(uploads: Sequence[Assembly], wanted: RequestedIds) -> Iterator[NearMiss]:
    for row in uploads:
        if row.debug_id == str(wanted.debug_id):
            yield _upload(row)


def _upload(row: Assembly) -> NearMiss:
    what = f"An upload of {row.name[:_MAX_NAME_LENGTH]} as this id"
    day = f"{row.updated_at:%Y-%m-%d}"
    match row.state:
        case State.ERROR:
            text = f"{what} failed on {day}: {row.detail[:_MAX_DETAIL_LENGTH]}"
            return NearMiss(NearMissKind.REFUSED, text)
        case State.NOT_FOUND:
            text = f"{what} was begun on {day}, and waits for chunks."
        case _:
            text = f"{what} came on {day}, and is being assembled."
    return NearMiss(NearMissKind.UNFINISHED, text)


def _uploads(project: Project, some: Sequence[RequestedIds]) -> list[Assembly]:
    """Return the unfinished and failed uploads with these debug ids, newest first."""
    ids = [str(one.debug_id) for one in some if one.debug_id and one.debug_id.uuid.int]
    rows = Assembly.objects.filter(project=project, debug_id__in=ids)
    return list(
        rows.exclude(state=State.OK)
        .defer("chunks")
        .order_by("-updated_at", "-pk")[:_MAX_ROWS]
    )


def _rows(project: Project, some: Sequence[RequestedIds]) -> list[DebugFile]:
    """Return all with these ids, of any age, and the newest of the names; newest first."""
    ids = Ids(
        code_ids=[one.code_id.hex for one in some if one.code_id],
        uuids=[
            one.debug_id.uuid for one in some if one.debug_id and one.debug_id.uuid.int
        ],
    )
    row_ids = {
        *sql.row_ids(
            ReadScope(project_id=project.pk), ids, _MAX_ROWS, only_current=False
        ),
        *sql.newest_of_names(
            project.pk, _bare_names(one.name for one in some), _MAX_SAME_NAME
        ),
    }
    found = DebugFile.objects.filter(pk__in=sorted(row_ids, reverse=True)[:_MAX_ROWS])
    return list(found.select_related("file").order_by("-pk"))


def _bare_names(names: Iterable[str]) -> list[str]:
    return sorted({file_names.normalize(name) for name in names} - {""})
