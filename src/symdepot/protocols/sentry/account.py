"""The caller's token, organization and projects, which sentry-cli looks up first."""

import re

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema

from symdepot.domain import text_format
from symdepot.projects.access import Caller, Permission
from symdepot.projects.models import Organization, Project
from symdepot.protocols import auth
from symdepot.protocols.sentry import paging

router = Router()

_CLI_VERSION = re.compile(r"sentry-cli/(\d+)\.(\d+)\.").match
_USER_OPTIONAL_SINCE = (2, 20)


class OrganizationPath(Schema):
    """Path parameters."""

    org: str


class PageParameters(Schema):
    """Query parameters of a paged list."""

    per_page: int = paging.MAX_SIZE
    cursor: str = ""


@router.get("/")
def account(request: HttpRequest) -> dict[str, object]:
    """Return the scopes of the token.

    There are no users. sentry-cli before 2.20 panics at login if `user` is null, so it
    gets the token as a user.

    Source: spec/sentry-cli A9, rows "info" and "login"; the panic is that of 2.14.2.
    """
    caller = auth.caller(request)
    return {
        "version": "0",
        "auth": {"scopes": list(caller.token.scopes)},
        "user": _user(request, caller),
    }


@router.get("/organizations/")
def organizations(
    request: HttpRequest, response: HttpResponse, query: Query[PageParameters]
) -> list[dict[str, object]]:
    """List the organization of the token."""
    page = paging.page(query.cursor, query.per_page)
    own = [_organization(auth.caller(request).token.organization)]
    response["Link"] = page.link(paging.url(request), has_more=False)
    return own[page.offset :]


@router.get("/organizations/{org}/projects/")
def projects(
    request: HttpRequest,
    response: HttpResponse,
    path: Path[OrganizationPath],
    query: Query[PageParameters],
) -> list[dict[str, object]]:
    """List the projects of an organization that the token may read."""
    scope = auth.caller(request).reach(path.org, None, Permission.LIST_PROJECTS)
    page = paging.page(query.cursor, query.per_page)
    shown, has_more = page.cut(scope.projects())
    response["Link"] = page.link(paging.url(request), has_more=has_more)
    return [_project(row) for row in shown]


def _user(request: HttpRequest, caller: Caller) -> dict[str, str] | None:
    match = _CLI_VERSION(request.headers.get("User-Agent", ""))
    if match is None or (int(match[1]), int(match[2])) >= _USER_OPTIONAL_SINCE:
        return None
    return {"id": str(caller.token.pk), "email": str(caller)}


def _organization(row: Organization) -> dict[str, object]:
    """Return the fields that sentry-cli requires. Source: spec/sentry-cli A9."""
    return {
        "id": str(row.pk),
        "slug": row.slug,
        "name": row.slug,
        "dateCreated": text_format.format_time(row.created_at),
        "isEarlyAdopter": False,
        "require2FA": False,
        "requireEmailVerification": False,
        "features": [],
    }


def _project(row: Project) -> dict[str, object]:
    return {
        "id": str(row.pk),
        "slug": row.slug,
        "name": row.slug,
        "team": None,
        "dateCreated": text_format.format_time(row.created_at),
    }
