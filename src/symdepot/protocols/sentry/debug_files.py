"""files/dsyms/: list debug files, download one, delete one; and what old clients call."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Path, Query, Router, Schema

from symdepot.debugfiles import missing_ids, project_files, usage
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.pipeline.gc import deletion
from symdepot.projects.access import Caller, Permission
from symdepot.projects.models import Project
from symdepot.protocols import auth, file_response
from symdepot.protocols.sentry import paging, schemas
from symdepot.protocols.sentry.schemas import DebugFileOut

router = Router()

PATH = "/projects/{org}/{project}/files/dsyms/"
_LONGEST_ID = 45


class ProjectPath(Schema):
    """The project that a path names."""

    org: str
    project: str


class FileFilters(Schema):
    """What may be asked of the list. Source: spec/sentry-server 3.1.

    `release`, the version of one, is ours.
    """

    id: str = ""
    query: str = ""
    debug_id: str = ""
    code_id: str = ""
    file_formats: list[str] = []
    release: str = ""
    per_page: int = paging.USUAL_SIZE
    cursor: str = ""


@router.api_operation(["GET", "HEAD"], PATH, response=list[DebugFileOut])
def list_or_download(
    request: HttpRequest,
    response: HttpResponse,
    where: Path[ProjectPath],
    filters: Query[FileFilters],
) -> HttpResponseBase | list[DebugFileOut]:
    """List the debug files of a project; with `id`, download that one.

    An exact id is answered with all its rows at once, since Symbolicator never asks
    for a second page. Anything else comes in pages, which the `Link` header joins.
    """
    bearer = auth.caller(request)
    if filters.id:
        owner = bearer.project(where.org, where.project, Permission.DOWNLOAD)
        row = project_files.by_row(owner, filters.id)
        usage.mark_used(owner, [row])
        return _download(request, row)
    owner = bearer.project(where.org, where.project, Permission.LIST)
    exact = _by_exact_id(owner, filters)
    if exact is not None:
        usage.mark_used(owner, exact)
        if not exact:
            _note_miss(request, bearer, owner, filters)
        return schemas.debug_files_json(exact)
    page = paging.page(filters.cursor, filters.per_page)
    rows = project_files.by_text(
        owner, filters.query.strip(), _formats(filters), release=filters.release
    )
    shown, has_more = page.cut(rows)
    response["Link"] = page.link(paging.url(request), has_more=has_more)
    return schemas.debug_files_json(shown)


@router.delete(PATH)
def delete(request: HttpRequest, org: str, project: str, id: str = "") -> HttpResponse:  # noqa: A002 -- the client's word
    """Delete one debug file, and what only it needed."""
    bearer = auth.caller(request)
    owner = bearer.project(org, project, Permission.DELETE)
    deletion.delete_debug_file(project_files.by_row(owner, id), by=str(bearer))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _by_exact_id(owner: Project, filters: FileFilters) -> list[DebugFile] | None:
    """Return the rows of the id that is asked for; None if none is.

    A `query` that reads as a debug id is one, if anything has it: 40 digits may as
    well be a build id.
    """
    if not (filters.debug_id or filters.code_id):
        text = filters.query.strip()
        found = DebugId.parse_or_none(text) if len(text) <= _LONGEST_ID else None
        if found is None:
            return None
        rows = project_files.by_ids(
            owner, found, None, _formats(filters), release=filters.release
        )
        return rows or None
    return project_files.by_ids(
        owner,
        DebugId.parse_or_none(filters.debug_id),
        _code_id(filters.code_id),
        _formats(filters),
        release=filters.release,
    )


def _note_miss(
    request: HttpRequest, bearer: Caller, owner: Project, filters: FileFilters
) -> None:
    missing_ids.record(
        owner,
        debug_id=DebugId.parse_or_none(filters.debug_id),
        code_id=_code_id(filters.code_id),
        by=auth.actor(request, bearer),
    )


def _code_id(text: str) -> CodeId | None:
    try:
        return CodeId.parse(text)
    except ValueError:
        return None


def _formats(filters: FileFilters) -> list[Format]:
    """Return the known ones of the formats asked for; unknown ones do not filter."""
    known = set(Format)
    return [Format(name) for name in filters.file_formats if name in known]


def _download(request: HttpRequest, row: DebugFile) -> HttpResponseBase:
    extension = row.object_file().download_extension
    return file_response.serve(
        request, project_files.file_content(row), filename=f"{row.debug_id}{extension}"
    )
