"""wanted-ids/: missing ids, with near misses; revision/: the project's revision."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema

from symdepot.debugfiles import missing_ids
from symdepot.debugfiles.missing_ids import MissingIdOrder
from symdepot.projects.access import Permission
from symdepot.protocols import auth
from symdepot.protocols.sentry import paging
from symdepot.protocols.sentry.debug_files import ProjectPath
from symdepot.symcaches import status

router = Router()

PATH = "/projects/{org}/{project}/wanted-ids/"


class MissingIdFilters(Schema):
    """Query parameters."""

    order: MissingIdOrder = MissingIdOrder.LATEST
    per_page: int = paging.DEFAULT_SIZE
    cursor: str = ""


@router.get(PATH)
def listed(
    request: HttpRequest,
    response: HttpResponse,
    path: Path[ProjectPath],
    query: Query[MissingIdFilters],
) -> list[dict[str, object]]:
    """List missing ids with their near misses, by time or by count of requests."""
    owner = auth.caller(request).project(path.org, path.project, Permission.LIST)
    page = paging.page(query.cursor, query.per_page)
    shown, has_more = page.cut(missing_ids.list_ids(owner, query.order))
    response["Link"] = page.link(paging.url(request), has_more=has_more)
    return status.missing_ids_as_json(owner, shown)


@router.delete(PATH)
def dismiss_all(request: HttpRequest, org: str, project: str) -> HttpResponse:
    """Delete all missing ids."""
    missing_ids.dismiss_all(
        auth.caller(request).project(org, project, Permission.DELETE)
    )
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@router.delete(PATH + "{row_id}/")
def dismiss(request: HttpRequest, org: str, project: str, row_id: str) -> HttpResponse:
    """Delete one missing id."""
    missing_ids.dismiss(
        auth.caller(request).project(org, project, Permission.DELETE), row_id
    )
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@router.get("/projects/{org}/{project}/revision/")
def revision(request: HttpRequest, org: str, project: str) -> dict[str, int]:
    """Return the revision, a number that grows when debug files arrive."""
    owner = auth.caller(request).project(org, project, Permission.LIST)
    return {"revision": owner.revision}
