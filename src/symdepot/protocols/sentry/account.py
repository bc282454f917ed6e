"""The caller's token, organization and projects, which sentry-cli looks up first.

Also the audit log of the organization, an extension.
"""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from symdepot.domain import text_format
from symdepot.projects import audit
from symdepot.projects.access import Permission
from symdepot.projects.models import Organization, Project
from symdepot.protocols import auth
from symdepot.protocols.sentry import paging, schemas

router = Router()

_USER_OPTIONAL_SINCE = (2, 20)
_ORGANIZATION_FLAGS = ("isEarlyAdopter", "require2FA", "requireEmailVerification")


class AuditFilters(paging.Page):
    """Query parameters; times without a zone are UTC."""

    project: str | None = None
    action: audit.Action | None = None
    since: datetime | None = None
    until: datetime | None = None


@router.get("/")
def account(request: HttpRequest) -> dict[str, object]:
    """Return the scopes of the token.

    There are no users. sentry-cli before 2.20 panics at login if `user` is null, so it
    gets the token as a user.

    Source: spec/sentry-cli A9, rows "info" and "login"; the panic is that of 2.14.2.
    """
    caller = auth.caller(request)
    needs_user = () < schemas.cli_version(request) < _USER_OPTIONAL_SINCE
    user = {"id": str(caller.token.pk), "email": str(caller)}
    return {
        "version": "0",
        "auth": {"scopes": list(caller.token.scopes)},
        "user": user if needs_user else None,
    }


@router.get("/organizations/")
def organizations(
    request: HttpRequest, response: HttpResponse, query: Query[paging.LargePage]
) -> list[dict[str, object]]:
    """List the organization of the token."""
    own = [auth.caller(request).token.organization]
    shown = paging.cut(query, own, request, response)
    flags = dict.fromkeys(_ORGANIZATION_FLAGS, False)
    return [_to_json(row, **flags, features=[]) for row in shown]


@router.get("/organizations/{org}/projects/")
def projects(
    request: HttpRequest,
    response: HttpResponse,
    org: str,
    query: Query[paging.LargePage],
) -> list[dict[str, object]]:
    """List the projects of an organization that the token may read."""
    scope = auth.caller(request).reach(org, None, Permission.LIST_PROJECTS)
    shown = paging.cut(query, scope.projects(), request, response)
    return [_to_json(row, team=None) for row in shown]


@router.get("/organizations/{org}/audit-logs/")
def entries(
    request: HttpRequest, response: HttpResponse, org: str, query: Query[AuditFilters]
) -> list[dict[str, object]]:
    """List the audit log, newest first. A token of one project sees only that project."""
    caller = auth.caller(request)
    organization = caller.organization(org, Permission.AUDIT)
    audit_query = audit.AuditQuery(
        project=caller.only(query.project),
        action=query.action,
        since=query.since,
        until=query.until,
    )
    rows = audit.entries(organization, audit_query)
    shown = paging.cut(query, rows, request, response)
    return [audit.as_json(entry) for entry in shown]


def _to_json(row: Organization | Project, **fields: object) -> dict[str, object]:
    """Return the fields that sentry-cli requires. Source: spec/sentry-cli A9."""
    return {
        "id": str(row.pk),
        "slug": row.slug,
        "name": row.slug,
        "dateCreated": text_format.format_time(row.created_at),
        **fields,
    }
