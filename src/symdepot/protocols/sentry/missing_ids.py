"""wanted-ids/: what was asked for in vain; revision/: whether anything has come since."""

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
    """What may be asked of the list."""

    order: MissingIdOrder = MissingIdOrder.LATEST
    per_page: int = paging.USUAL_SIZE
    cursor: str = ""


@router.get(PATH)
def listed(
    request: HttpRequest,
    response: HttpResponse,
    where: Path[ProjectPath],
    asked: Query[MissingIdFilters],
) -> list[dict[str, object]]:
    """List what was asked for in vain, the latest or the most wanted first.

    Each with what is here that is almost it.
    """
    owner = auth.caller(request).project(where.org, where.project, Permission.LIST)
    page = paging.page(asked.cursor, asked.per_page)
    shown, has_more = page.cut(missing_ids.list_ids(owner, asked.order))
    response["Link"] = page.link(paging.url(request), has_more=has_more)
    return status.missing_ids_as_json(owner, shown)


@router.delete(PATH)
def dismiss_all(request: HttpRequest, org: str, project: str) -> HttpResponse:
    """Forget all of them."""
    missing_ids.dismiss_all(
        auth.caller(request).project(org, project, Permission.DELETE)
    )
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@router.delete(PATH + "{row_id}/")
def dismiss(request: HttpRequest, org: str, project: str, row_id: str) -> HttpResponse:
    """Forget one."""
    missing_ids.dismiss(
        auth.caller(request).project(org, project, Permission.DELETE), row_id
    )
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@router.get("/projects/{org}/{project}/revision/")
def revision(request: HttpRequest, org: str, project: str) -> dict[str, int]:
    """Say a number that moves whenever debug files have come."""
    owner = auth.caller(request).project(org, project, Permission.LIST)
    return {"revision": owner.revision}
