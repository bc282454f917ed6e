"""releases/: of an organization, and of one project of it."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import AfterValidator, BaseModel

from symdepot.debugfiles import associations
from symdepot.domain import text_format
from symdepot.domain.errors import InvalidRequest
from symdepot.projects import releases
from symdepot.projects.access import AccessScope, Permission
from symdepot.projects.models import Release, ReleaseStatus
from symdepot.projects.releases import ReleaseUpdate
from symdepot.protocols import auth
from symdepot.protocols.sentry import paging, schemas
from symdepot.protocols.sentry.account import PageParameters

router = Router()

OF_ORGANIZATION = "/organizations/{org}/releases/"
OF_PROJECT = "/projects/{org}/{project}/releases/"
_NO_COMMITS = (
    "This server keeps debug files, and no commits: "
    "leave out 'releases set-commits', and 'commits' and 'refs' of a release."
)
_NO_DEPLOYS = "This server keeps debug files, and no deploys."


class ReleasePath(Schema):
    """What a path names: an organization, perhaps a project and a version."""

    org: str
    project: str | None = None
    version: str = ""


type _Time = Annotated[datetime, AfterValidator(text_format.as_utc)]


class ReleaseIn(BaseModel):
    """What a client says of a release. Source: spec/sentry-cli A9."""

    projects: list[str | int] | None = None
    url: str | None = None
    status: ReleaseStatus | None = None
    dateStarted: _Time | None = None  # noqa: N815 -- sentry-cli's spelling
    dateReleased: _Time | None = None  # noqa: N815
    commits: list[object] | None = None
    refs: list[object] | None = None

    def said(self, *projects: str) -> ReleaseUpdate:
        """Return it as the room takes it, with `projects` besides.

        Raises:
            InvalidRequest: it is about commits.
        """
        if self.commits or self.refs:
            raise InvalidRequest(_NO_COMMITS)
        return ReleaseUpdate(
            projects=[*projects, *(str(named) for named in self.projects or ())],
            url=self.url,
            status=self.status,
            started_at=self.dateStarted,
            released_at=self.dateReleased,
        )


class NewRelease(ReleaseIn):
    """What a client says when it may be the first to say it."""

    version: str


@router.get(OF_ORGANIZATION)
@router.get(OF_PROJECT)
def listed(
    request: HttpRequest,
    response: HttpResponse,
    where: Path[ReleasePath],
    asked: Query[PageParameters],
) -> list[dict[str, object]]:
    """List releases, the latest first."""
    reach = _reach(request, where, Permission.LIST_RELEASES)
    page = paging.page(asked.cursor, asked.per_page)
    shown, has_more = page.cut(releases.list_releases(reach))
    response["Link"] = page.link(paging.url(request), has_more=has_more)
    return _rendered(reach, shown)


@router.post(OF_ORGANIZATION, response={200: object, 201: object, 208: object})
@router.post(OF_PROJECT, response={200: object, 201: object, 208: object})
def create(request: HttpRequest, where: Path[ReleasePath]) -> Status[object]:
    """Make a release, or change it; 208 tells that all of it was there already."""
    reach = _reach(request, where, Permission.KEEP_RELEASES)
    body = schemas.read_body(request, NewRelease)
    said = body.said(*([where.project] if where.project else ()))
    release, is_new = releases.create_or_update(
        reach, body.version, said, by=str(auth.caller(request))
    )
    status = HTTPStatus.CREATED if is_new else HTTPStatus.ALREADY_REPORTED
    return Status(status, _rendered(reach, [release])[0])


@router.get(OF_ORGANIZATION + "{path:version}/commits/")
@router.get(OF_PROJECT + "{path:version}/commits/")
@router.get(OF_ORGANIZATION + "{path:version}/deploys/")
@router.get(OF_PROJECT + "{path:version}/deploys/")
def empty_list(request: HttpRequest, where: Path[ReleasePath]) -> list[object]:
    """List the commits or the deploys of a release: there are none."""
    releases.by_version(_reach(request, where, Permission.LIST_RELEASES), where.version)
    return []


@router.get(OF_ORGANIZATION + "{path:version}/previous-with-commits/")
@router.get(OF_PROJECT + "{path:version}/previous-with-commits/")
def no_release_has_commits(
    request: HttpRequest, where: Path[ReleasePath]
) -> dict[str, str]:
    """Say which release before had commits: none."""
    releases.by_version(_reach(request, where, Permission.LIST_RELEASES), where.version)
    return {}


@router.get("/organizations/{org}/repos/")
def repositories(request: HttpRequest, where: Path[ReleasePath]) -> list[object]:
    """List the repositories that commits may come from: there are none."""
    _reach(request, where, Permission.LIST_RELEASES)
    return []


@router.post(OF_ORGANIZATION + "{path:version}/deploys/")
@router.post(OF_PROJECT + "{path:version}/deploys/")
def deploy(request: HttpRequest, where: Path[ReleasePath]) -> None:
    """Refuse to note a deploy."""
    releases.by_version(_reach(request, where, Permission.KEEP_RELEASES), where.version)
    raise InvalidRequest(_NO_DEPLOYS)


@router.get(OF_ORGANIZATION + "{path:version}/")
@router.get(OF_PROJECT + "{path:version}/")
def detail(request: HttpRequest, where: Path[ReleasePath]) -> dict[str, object]:
    """Tell of one release."""
    reach = _reach(request, where, Permission.LIST_RELEASES)
    return _rendered(reach, [releases.by_version(reach, where.version)])[0]


@router.put(OF_ORGANIZATION + "{path:version}/")
@router.put(OF_PROJECT + "{path:version}/")
def change(request: HttpRequest, where: Path[ReleasePath]) -> dict[str, object]:
    """Change a release that there is."""
    reach = _reach(request, where, Permission.KEEP_RELEASES)
    said = schemas.read_body(request, ReleaseIn).said()
    return _rendered(reach, [releases.update(reach, where.version, said)])[0]


@router.delete(OF_ORGANIZATION + "{path:version}/")
@router.delete(OF_PROJECT + "{path:version}/")
def delete(request: HttpRequest, where: Path[ReleasePath]) -> HttpResponse:
    """Delete a release; its debug files stay."""
    reach = _reach(request, where, Permission.DELETE_RELEASES)
    releases.delete(reach, where.version, by=str(auth.caller(request)))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _reach(request: HttpRequest, where: ReleasePath, deed: Permission) -> AccessScope:
    return auth.caller(request).reach(where.org, where.project, deed)


def _rendered(reach: AccessScope, found: list[Release]) -> list[dict[str, object]]:
    counted = associations.files_per_release(reach, found)
    return [_release(row, counted.get(row.pk, 0)) for row in found]


def _release(row: Release, debug_files: int) -> dict[str, object]:
    """Return what sentry-cli reads, and `debugFileCount`, which is ours."""
    return {
        "id": row.pk,
        "version": row.version,
        "shortVersion": row.version,
        "status": row.status,
        "url": row.url or None,
        "ref": None,
        "dateCreated": _time(row.created_at),
        "dateStarted": _time(row.started_at),
        "dateReleased": _time(row.released_at),
        "firstEvent": None,
        "lastEvent": None,
        "newGroups": 0,
        "commitCount": 0,
        "deployCount": 0,
        "lastCommit": None,
        "lastDeploy": None,
        "authors": [],
        "projects": [
            {"id": project.pk, "slug": project.slug, "name": project.slug}
            for project in row.projects.all()
        ],
        "debugFileCount": debug_files,
    }


def _time(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return text_format.format_time(moment)
