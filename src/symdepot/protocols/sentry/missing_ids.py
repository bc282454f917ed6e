"""wanted-ids/: what was asked for in vain; revision/: whether anything has come since."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema

from symdepot.debugfiles import missing_ids
from symdepot.debugfiles.missing_ids import Order
from symdepot.projects.access import Deed
from symdepot.protocols import auth
from symdepot.protocols.sentry import paging
from symdepot.protocols.sentry.debug_files import Where
from symdepot.symcaches import status

router = Router()

PATH = "/projects/{org}/{project}/wanted-ids/"


class Asked(Schema):
    """What may be asked of the list."""

    order: Order = Order.LATEST
    per_page: int = paging.USUAL_SIZE
    cursor: str = ""


@router.get(PATH)
def listed(
    request: HttpRequest,
    response: HttpResponse,
    where: Path[Where],
    asked: Query[Asked],
) -> list[dict[str, object]]:
    """List what was asked for in vain, the latest or the most wanted first.

    Each with what is here that is almost it.
    """
    owner = auth.bearer(request).project(where.org, where.project, Deed.LIST)
    page = paging.page(asked.cursor, asked.per_page)
    shown, has_more = page.cut(missing_ids.listed(owner, asked.order))
    response["Link"] = page.link(paging.url(request), has_more=has_more)
    return status.told(owner, shown)


@router.delete(PATH)
def dismiss_all(request: HttpRequest, org: str, project: str) -> HttpResponse:
    """Forget all of them."""
    missing_ids.dismiss_all(auth.bearer(request).project(org, project, Deed.DELETE))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@router.delete(PATH + "{row_id}/")
def dismiss(request: HttpRequest, org: str, project: str, row_id: str) -> HttpResponse:
    """Forget one."""
    missing_ids.dismiss(auth.bearer(request).project(org, project, Deed.DELETE), row_id)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@router.get("/projects/{org}/{project}/revision/")
def revision(request: HttpRequest, org: str, project: str) -> dict[str, int]:
    """Say a number that moves whenever debug files have come."""
    owner = auth.bearer(request).project(org, project, Deed.LIST)
    return {"revision": owner.revision}
