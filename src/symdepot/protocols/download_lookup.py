"""Finds the file of a download, and records its use, or the missing id."""

from django.http import HttpRequest

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import finder, missing_ids
from symdepot.debugfiles.finder import FileRecord
from symdepot.debugfiles.near_misses import RequestedIds
from symdepot.domain.errors import ContentDamaged, DebugFileMissing
from symdepot.domain.selection.file_query import FileQuery, FileRole
from symdepot.projects import access
from symdepot.projects.access import Reader
from symdepot.protocols import auth


def find_file(request: HttpRequest, token: str | None, query: FileQuery) -> FileRecord:
    """Return the best match in all projects that the caller may read.

    Raises:
        DebugFileMissing: there is none.
        ContentDamaged: the only match is damaged.
        Unauthenticated, NotAllowed: see `auth.reader`.
    """
    found = find_container(request, token, query, is_whole=True)
    if found is None:
        raise DebugFileMissing(query.name or query.role)
    return found


def find_container(
    request: HttpRequest, token: str | None, query: FileQuery, *, is_whole: bool = False
) -> FileRecord | None:
    """Return the best match, of which the client wants a section or a source.

    Raises:
        Unauthenticated, NotAllowed: see `auth.reader`.
        ContentDamaged: the only match is damaged.
        WrongStore: the storage is not the one of the database.
    """
    reader = auth.reader(request, token)
    match = finder.find_match(access.read_scope(reader), query)
    if match.best is not None:
        blob_store().require_known()
        finder.note_use(match.best)
    elif reader is not None:
        agent = request.headers.get("User-Agent", "")
        newest = match.newest_row_id if is_whole else 0
        record_miss(reader, query, agent=agent, newest_row_id=newest)
    if match.damaged is not None:
        raise ContentDamaged(match.damaged.checksum)
    return match.best


def record_miss(
    reader: Reader, query: FileQuery, *, agent: str, newest_row_id: int
) -> None:
    """Record the missing ids if the token is for one project.

    Files up to `newest_row_id` have these ids and cannot serve. If debug information is
    requested, the ids are missing all the same; in other roles, which clients probe
    speculatively, they are not.
    """
    project_id = reader.sole_project_id()
    if project_id is None:
        return
    requested = RequestedIds(
        next(iter(query.debug_ids), None), next(iter(query.code_ids), None), query.name
    )
    missing_ids.record_miss(
        project_id,
        requested,
        by=auth.actor_with_agent(reader.name, agent),
        newest_row_id=newest_row_id if query.role is FileRole.DEBUGINFO else 0,
    )
