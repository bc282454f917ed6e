"""audit-logs/: who did what in an organization."""

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
    """What may be asked of the audit; times without a zone are UTC."""

    project: str | None = None
    action: Action | None = None
    since: datetime | None = None
    until: datetime | None = None
    per_page: int = paging.USUAL_SIZE
    cursor: str = ""


@router.get("/organizations/{org}/audit-logs/")
def entries(
    request: HttpRequest, response: HttpResponse, org: str, asked: Query[AuditFilters]
) -> list[dict[str, object]]:
    """Tell what was done, newest first; a token of one project hears only of that."""
    bearer = auth.caller(request)
    organization = bearer.organization(org, Permission.AUDIT)
    question = AuditQuery(
        project=bearer.only(asked.project),
        action=asked.action,
        since=audit.as_utc(asked.since),
        until=audit.as_utc(asked.until),
    )
    page = paging.page(asked.cursor, asked.per_page)
    shown, has_more = page.cut(audit.entries(organization, question))
    response["Link"] = page.link(paging.url(request), has_more=has_more)
    return [audit.as_json(entry) for entry in shown]
