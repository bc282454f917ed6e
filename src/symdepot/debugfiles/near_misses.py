"""Near misses: debug files and uploads that almost have a missing id, and why not.

Queries are for many ids of one project at once: four to the database for each hundred.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import batched

from symdepot.debugfiles import sql
from symdepot.debugfiles.finder import IdIndex
from symdepot.debugfiles.models import DebugFile
from symdepot.debugfiles.sql import Ids
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.selection import ranking
from symdepot.domain.symbol_paths import name_normalization
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
        rows, uploads = _rows(project, some), _uploads(project, some)
        index, by_name = IdIndex(rows), _group_by_name(rows)
        for one in some:
            same_name = by_name.get(name_normalization.normalize(one.name), [])
            stored = _stored(index, same_name, one)
            failed = (
                _upload(row) for row in uploads if row.debug_id == str(one.debug_id)
            )
            found[one] = _nearest([*stored, *failed])
    return found


def newest_of_names(
    project: Project, names: Collection[str]
) -> dict[str, list[DebugFile]]:
    """Return the newest current debug files of each of these bare names, newest first.

    A few of each, in two queries. A name without any is not in the result.
    """
    wanted = sql.newest_of_names(project.pk, sorted({*names} - {""}), _NEWEST_PER_NAME)
    rows = DebugFile.objects.within(project).current().filter(file__damaged_at=None)
    return _group_by_name(rows.filter(pk__in=wanted).order_by("-pk"))


def without_nil(debug_id: DebugId | None) -> DebugId | None:
    """Return None for a nil id, which no file can be found by."""
    return debug_id if debug_id is not None and debug_id.uuid.int else None


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


def _group_by_name(rows: Iterable[DebugFile]) -> dict[str, list[DebugFile]]:
    """Return the rows of each bare name; those without one are left out."""
    found: dict[str, list[DebugFile]] = {}
    for row in rows:
        if row.bare_name:
            found.setdefault(row.bare_name, []).append(row)
    return found


def _stored(
    index: IdIndex, same_name: Iterable[DebugFile], wanted: RequestedIds
) -> Iterator[NearMiss]:
    related = index.find(without_nil(wanted.debug_id), wanted.code_id)
    for row in related:
        yield _related(row, wanted)
    newest: dict[str, DebugFile] = {}
    for row in same_name:
        newest.setdefault(_ids(row), row)
    others = [row for row in newest.values() if row not in related]
    for row in others[:_MAX_SAME_NAME]:
        text = f"of {row.created_at:%Y-%m-%d} has another id: {_ids(row)}."
        yield _miss(NearMissKind.SAME_NAME, row, text)


def _related(row: DebugFile, wanted: RequestedIds) -> NearMiss:
    """Describe a debug file that has one of the ids."""
    debug_id, own = wanted.debug_id, DebugId.parse(row.debug_id)
    if debug_id is not None and debug_id != own and debug_id.uuid == own.uuid:
        text = f"has the same UUID, but age {own.age:x}, not {debug_id.age:x}."
        return _miss(NearMissKind.OTHER_AGE, row, text)
    if debug_id not in {None, own}:
        text = f"has this code id, but debug id {row.debug_id}."
        return _miss(NearMissKind.OTHER_DEBUG_ID, row, text)
    if wanted.code_id is not None and row.code_id not in {"", wanted.code_id.hex}:
        text = f"has this debug id, but code id {row.code_id}."
        return _miss(NearMissKind.OTHER_CODE_ID, row, text)
    return _with_the_ids(row)


def _ids(row: DebugFile) -> str:
    is_nil = row.object_file().debug_id.is_nil
    return f"code id {row.code_id}" if is_nil else f"debug id {row.debug_id}"


def _with_the_ids(row: DebugFile) -> NearMiss:
    found = row.object_file()
    content = ranking.describe_content(found)
    kind, text = NearMissKind.HERE, f"is here under this id, and holds {content}."
    if row.file.damaged_at is not None:
        kind = NearMissKind.DAMAGED
        text = "is here under this id, but its bytes are damaged: upload it again."
    elif row.superseded_at is not None:
        kind = NearMissKind.SUPERSEDED
        text = "is here under this id, but what was uploaded later took its place."
    elif not ranking.has_lines(found):
        kind = NearMissKind.NO_DEBUG_INFORMATION
        text = f"is here under this id, without debug information: it holds {content}."
    elif ranking.lacks_program(found):
        kind = NearMissKind.NO_PROGRAM
        text = f"is here under this id, without the program: it holds {content}."
    return _miss(kind, row, text)


def _miss(kind: NearMissKind, row: DebugFile, text: str) -> NearMiss:
    return NearMiss(kind, f"{describe_file(row)} {text}", row)


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
    ids = [str(one.debug_id) for one in some if without_nil(one.debug_id)]
    rows = Assembly.objects.filter(project=project, debug_id__in=ids)
    open_rows = rows.exclude(state=State.OK).defer("chunks")
    return list(open_rows.order_by("-updated_at", "-pk")[:_MAX_ROWS])


def _rows(project: Project, some: Sequence[RequestedIds]) -> list[DebugFile]:
    """Return all with these ids, of any age, and the newest of the names; newest first."""
    code_ids = [one.code_id.hex for one in some if one.code_id]
    debug_ids = filter(None, (without_nil(one.debug_id) for one in some))
    ids = Ids(code_ids, uuids=[debug_id.uuid for debug_id in debug_ids])
    scope = ReadScope(project_id=project.pk)
    names = {name_normalization.normalize(one.name) for one in some} - {""}
    row_ids = {
        *sql.row_ids(scope, ids, _MAX_ROWS, only_current=False),
        *sql.newest_of_names(project.pk, sorted(names), _MAX_SAME_NAME),
    }
    found = DebugFile.objects.filter(pk__in=sorted(row_ids, reverse=True)[:_MAX_ROWS])
    return list(found.select_related("file").order_by("-pk"))
