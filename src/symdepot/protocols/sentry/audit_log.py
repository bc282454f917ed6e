"""audit-logs/: the audit log of an organization."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema

from symdepot.projects import audit
from symdepot.projects.access import Permission
from symdepot.projects.audit import Action, AuditQuery
from symdepot.protocols import auth
from symdepot.protocols.sentry import paging

router = Router()


class AuditFilters(Schema):
    """Query parameters; times without a zone are UTC."""

    project: str | None = None
    action: Action | None = None
    since: datetime | None = None
    until: datetime | None = None
    per_page: int = paging.DEFAULT_SIZE
    cursor: str = ""


@router.get("/organizations/{org}/audit-logs/")
def entries(
    request: HttpRequest, response: HttpResponse, org: str, query: Query[AuditFilters]
) -> list[dict[str, object]]:
    """List the audit log, newest first. A token of one project sees only that project."""
    caller = auth.caller(request)
    organization = caller.organization(org, Permission.AUDIT)
    audit_query = AuditQuery(
        project=caller.only(query.project),
        action=query.action,
        since=query.since,
        until=query.until,
    )
    page = paging.page(query.cursor, query.per_page)
    shown, has_more = page.cut(audit.entries(organization, audit_query))
    response["Link"] = page.link(paging.url(request), has_more=has_more)
    return [audit.as_json(entry) for entry in shown]
