"""files/dsyms/: list, download and delete debug files."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Path, Query, Router, Schema

from symdepot.debugfiles import contents, missing_ids, project_files, usage
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
_MAX_ID_LENGTH = 45


class ProjectPath(Schema):
    """Path parameters."""

    org: str
    project: str


class FileFilters(Schema):
    """Query parameters. Source: spec/sentry-server 3.1.

    `release`, a version, is an extension of symdepot.
    """

    id: str = ""
    query: str = ""
    debug_id: str = ""
    code_id: str = ""
    file_formats: list[str] = []
    release: str = ""
    per_page: int = paging.DEFAULT_SIZE
    cursor: str = ""


@router.api_operation(["GET", "HEAD"], PATH, response=list[DebugFileOut])
def list_or_download(
    request: HttpRequest,
    response: HttpResponse,
    path: Path[ProjectPath],
    filters: Query[FileFilters],
) -> HttpResponseBase | list[DebugFileOut]:
    """List the debug files of a project; with `id`, download that one.

    A query by exact id returns all rows at once, since Symbolicator never requests a
    second page. Other lists are paged, with a `Link` header.
    """
    caller = auth.caller(request)
    if filters.id:
        owner = caller.project(path.org, path.project, Permission.DOWNLOAD)
        row = project_files.by_row(owner, filters.id)
        usage.mark_used(owner, [row])
        return _download(request, row)
    owner = caller.project(path.org, path.project, Permission.LIST)
    exact = _by_exact_id(owner, filters)
    if exact is not None:
        usage.mark_used(owner, exact)
        if not exact:
            _record_miss(request, caller, owner, filters)
        return schemas.debug_files_json(exact)
    page = paging.page(filters.cursor, filters.per_page)
    rows = project_files.by_text(
        owner, filters.query.strip(), _formats(filters), release=filters.release
    )
    shown, has_more = page.cut(rows)
    response["Link"] = page.link(paging.url(request), has_more=has_more)
    return schemas.debug_files_json(shown)


@router.delete(PATH)
def delete(request: HttpRequest, org: str, project: str, id: str = "") -> HttpResponse:  # noqa: A002 -- part of the API
    """Delete one debug file, and the blobs that only it used."""
    caller = auth.caller(request)
    owner = caller.project(org, project, Permission.DELETE)
    deletion.delete_debug_file(project_files.by_row(owner, id), by=str(caller))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _by_exact_id(owner: Project, filters: FileFilters) -> list[DebugFile] | None:
    """Return the rows of the requested id; None if the request is not by exact id.

    A `query` that parses as a debug id counts as one only if a file has it, since 40
    digits may also be a build id.
    """
    if not (filters.debug_id or filters.code_id):
        text = filters.query.strip()
        found = DebugId.parse_or_none(text) if len(text) <= _MAX_ID_LENGTH else None
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


def _record_miss(
    request: HttpRequest, caller: Caller, owner: Project, filters: FileFilters
) -> None:
    missing_ids.record(
        owner,
        debug_id=DebugId.parse_or_none(filters.debug_id),
        code_id=_code_id(filters.code_id),
        by=auth.actor(request, caller),
    )


def _code_id(text: str) -> CodeId | None:
    try:
        return CodeId.parse(text)
    except ValueError:
        return None


def _formats(filters: FileFilters) -> list[Format]:
    """Return the requested formats; unknown ones are ignored."""
    known = set(Format)
    return [Format(name) for name in filters.file_formats if name in known]


def _download(request: HttpRequest, row: DebugFile) -> HttpResponseBase:
    extension = row.object_file().download_extension
    return file_response.serve(
        request, contents.file_content(row), filename=f"{row.debug_id}{extension}"
    )
