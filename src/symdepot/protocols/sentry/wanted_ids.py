"""wanted-ids/: missing ids, with near misses; revision/: the project's revision."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from symdepot.debugfiles import missing_ids
from symdepot.projects.access import Permission
from symdepot.protocols import auth
from symdepot.protocols.sentry import paging
from symdepot.symcaches import failure_report

router = Router()

PATH = "/projects/{org}/{project}/wanted-ids/"


class MissingIdFilters(paging.Page):
    """Query parameters."""

    order: missing_ids.MissingIdOrder = missing_ids.MissingIdOrder.LATEST


@router.get(PATH)
def listed(
    request: HttpRequest,
    response: HttpResponse,
    *,
    org: str,
    project: str,
    query: Query[MissingIdFilters],
) -> list[dict[str, object]]:
    """List missing ids with their near misses, by time or by count of requests."""
    owner = auth.caller(request).project(org, project, Permission.LIST)
    rows = missing_ids.list_ids(owner, query.order)
    shown = paging.cut(query, rows, request, response)
    return failure_report.missing_ids_as_json(owner, shown)


@router.delete(PATH)
def dismiss_all(request: HttpRequest, org: str, project: str) -> HttpResponse:
    """Delete all missing ids."""
    owner = auth.caller(request).project(org, project, Permission.DELETE)
    missing_ids.dismiss_all(owner)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@router.delete(PATH + "{row_id}/")
def dismiss(request: HttpRequest, org: str, project: str, row_id: str) -> HttpResponse:
    """Delete one missing id."""
    owner = auth.caller(request).project(org, project, Permission.DELETE)
    missing_ids.dismiss(owner, row_id)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@router.get("/projects/{org}/{project}/revision/")
def revision(request: HttpRequest, org: str, project: str) -> dict[str, int]:
    """Return the revision, a number that grows when debug files arrive."""
    owner = auth.caller(request).project(org, project, Permission.LIST)
    return {"revision": owner.revision}
