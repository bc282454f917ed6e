"""What a client asks before it begins: who am I, and what is there?"""

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
_KNOWS_NOBODY_SINCE = (2, 20)


class OrganizationPath(Schema):
    """The organization that a path names."""

    org: str


class PageParameters(Schema):
    """Which page of a list is asked for."""

    per_page: int = paging.LARGEST_SIZE
    cursor: str = ""


@router.get("/")
def account(request: HttpRequest) -> dict[str, object]:
    """Say what the token may do.

    A token is no user. sentry-cli before 2.20, which knows tokens of users only, ends
    in a panic when it logs in and is told of none; to it the token is named as one.

    Source: spec/sentry-cli A9, rows "info" and "login"; the panic is that of 2.14.2.
    """
    bearer = auth.caller(request)
    return {
        "version": "0",
        "auth": {"scopes": list(bearer.token.scopes)},
        "user": _user(request, bearer),
    }


@router.get("/organizations/")
def organizations(
    request: HttpRequest, response: HttpResponse, asked: Query[PageParameters]
) -> list[dict[str, object]]:
    """List the organizations that the token is for, which is one."""
    page = paging.page(asked.cursor, asked.per_page)
    own = [_organization(auth.caller(request).token.organization)]
    response["Link"] = page.link(paging.url(request), has_more=False)
    return own[page.offset :]


@router.get("/organizations/{org}/projects/")
def projects(
    request: HttpRequest,
    response: HttpResponse,
    where: Path[OrganizationPath],
    asked: Query[PageParameters],
) -> list[dict[str, object]]:
    """List the projects of an organization that the token may see."""
    reach = auth.caller(request).reach(where.org, None, Permission.LIST_PROJECTS)
    page = paging.page(asked.cursor, asked.per_page)
    shown, has_more = page.cut(reach.projects())
    response["Link"] = page.link(paging.url(request), has_more=has_more)
    return [_project(row) for row in shown]


def _user(request: HttpRequest, bearer: Caller) -> dict[str, str] | None:
    match = _CLI_VERSION(request.headers.get("User-Agent", ""))
    if match is None or (int(match[1]), int(match[2])) >= _KNOWS_NOBODY_SINCE:
        return None
    return {"id": str(bearer.token.pk), "email": str(bearer)}


def _organization(row: Organization) -> dict[str, object]:
    """Return all that sentry-cli insists on. Source: spec/sentry-cli A9."""
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
