"""files/dsyms/: list, download and delete debug files."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Query, Router

from symdepot.debugfiles import contents, missing_ids, project_files, usage
from symdepot.debugfiles.models import DebugFile
from symdepot.debugfiles.near_misses import RequestedIds
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.pipeline.gc import deletion
from symdepot.projects.access import Permission
from symdepot.projects.models import Project
from symdepot.protocols import auth, file_response
from symdepot.protocols.sentry import paging, schemas
from symdepot.protocols.sentry.schemas import DebugFileOut

router = Router()

PATH = "/projects/{org}/{project}/files/dsyms/"
_MAX_ID_LENGTH = 45


class FileFilters(paging.Page):
    """Query parameters. Source: spec/sentry-server 3.1.

    `release`, a version, is an extension of symdepot.
    """

    id: str = ""
    query: str = ""
    debug_id: str = ""
    code_id: str = ""
    file_formats: list[str] = []
    release: str = ""

    def formats(self) -> list[Format]:
        """Return the requested formats; unknown ones are ignored."""
        return [Format(name) for name in self.file_formats if name in set(Format)]

    def ids(self) -> tuple[DebugId | None, CodeId | None]:
        """Return the requested ids; invalid ones are None."""
        debug_id = DebugId.parse_or_none(self.debug_id)
        try:
            return debug_id, CodeId.parse(self.code_id)
        except ValueError:
            return debug_id, None


@router.api_operation(["GET", "HEAD"], PATH, response=list[DebugFileOut])
def list_or_download(
    request: HttpRequest,
    response: HttpResponse,
    *,
    org: str,
    project: str,
    filters: Query[FileFilters],
) -> HttpResponseBase | list[DebugFileOut]:
    """List the debug files of a project; with `id`, download that one.

    A query by exact id returns all rows at once, since Symbolicator never requests a
    second page. Other lists are paged, with a `Link` header.
    """
    caller = auth.caller(request)
    if filters.id:
        owner = caller.project(org, project, Permission.DOWNLOAD)
        row = project_files.by_row(owner, filters.id)
        usage.mark_used(owner, [row])
        name = f"{row.debug_id}{row.object_file().download_extension}"
        return file_response.serve(request, contents.file_content(row), filename=name)
    owner = caller.project(org, project, Permission.LIST)
    exact = _by_exact_id(owner, filters)
    if exact is None:
        rows = project_files.by_text(
            owner, filters.query.strip(), filters.formats(), release=filters.release
        )
        return schemas.debug_files_json(paging.cut(filters, rows, request, response))
    usage.mark_used(owner, exact)
    if not exact:
        debug_id, code_id = filters.ids()
        by = auth.actor(request, caller)
        missing_ids.record_miss(owner.pk, RequestedIds(debug_id, code_id), by=by)
    return schemas.debug_files_json(exact)


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
    debug_id, code_id = filters.ids()
    is_exact = bool(filters.debug_id or filters.code_id)
    text = filters.query.strip()
    if not is_exact and len(text) <= _MAX_ID_LENGTH:
        debug_id = DebugId.parse_or_none(text)
    if not is_exact and debug_id is None:
        return None
    rows = project_files.by_ids(
        owner, debug_id, code_id, filters.formats(), release=filters.release
    )
    return rows if is_exact else rows or None
