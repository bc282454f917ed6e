"""audit-logs/: who did what in an organization."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema

from symdepot.projects import audit
from symdepot.projects.access import Deed
from symdepot.projects.audit import Action, Question
from symdepot.protocols import auth
from symdepot.protocols.sentry import paging

router = Router()


class Asked(Schema):
    """What may be asked of the audit; times without a zone are UTC."""

    project: str | None = None
    action: Action | None = None
    since: datetime | None = None
    until: datetime | None = None
    per_page: int = paging.USUAL_SIZE
    cursor: str = ""


@router.get("/organizations/{org}/audit-logs/")
def entries(
    request: HttpRequest, response: HttpResponse, org: str, asked: Query[Asked]
) -> list[dict[str, object]]:
    """Tell what was done, newest first; a token of one project hears only of that."""
    bearer = auth.bearer(request)
    organization = bearer.organization(org, Deed.AUDIT)
    question = Question(
        project=bearer.only(asked.project),
        action=asked.action,
        since=audit.in_utc(asked.since),
        until=audit.in_utc(asked.until),
    )
    page = paging.page(asked.cursor, asked.per_page)
    shown, has_more = page.cut(audit.entries(organization, question))
    response["Link"] = page.link(paging.url(request), has_more=has_more)
    return [audit.plain(entry) for entry in shown]
