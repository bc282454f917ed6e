"""Releases of an organization or a project, and the debug files of a release.

The endpoints for commits, deploys and repositories exist because sentry-cli calls them;
they return nothing or refuse.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import AfterValidator, BaseModel, Field

from symdepot.debugfiles import associations
from symdepot.domain import text_format
from symdepot.domain.errors import InvalidRequest
from symdepot.domain.ids import DebugId
from symdepot.projects import releases
from symdepot.projects.access import AccessScope, Permission
from symdepot.projects.models import Release, ReleaseStatus
from symdepot.projects.releases import ReleaseUpdate
from symdepot.protocols import auth
from symdepot.protocols.sentry import paging, schemas
from symdepot.protocols.sentry.schemas import DebugFileOut

router = Router()

OF_ORGANIZATION = "/organizations/{org}/releases/"
OF_PROJECT = "/projects/{org}/{project}/releases/"
MAPPING_PATH = "/projects/{org}/{project}/files/proguard-artifact-releases"
"""Without a slash at its end, as in sentry-cli."""
_NO_COMMITS = (
    "This server keeps debug files, and no commits: "
    "leave out 'releases set-commits', and 'commits' and 'refs' of a release."
)
_NO_DEPLOYS = "This server keeps debug files, and no deploys."


class ReleasePath(Schema):
    """Path parameters; `project` and `version` are optional."""

    org: str
    project: str | None = None
    version: str = ""


_FAIL_FAST = Field(fail_fast=True)
type _Time = Annotated[datetime, AfterValidator(text_format.as_utc)]


class ReleaseIn(BaseModel):
    """The fields of a release in a request. Source: spec/sentry-cli A9."""

    projects: Annotated[list[str | int], _FAIL_FAST] | None = None
    url: str | None = None
    status: ReleaseStatus | None = None
    dateStarted: _Time | None = None  # noqa: N815 -- sentry-cli's spelling
    dateReleased: _Time | None = None  # noqa: N815
    commits: list[object] | None = None
    refs: list[object] | None = None

    def to_update(self, *projects: str) -> ReleaseUpdate:
        """Convert to an update, with further `projects`.

        Raises:
            InvalidRequest: there are commits or refs.
        """
        if self.commits or self.refs:
            raise InvalidRequest(_NO_COMMITS)
        return ReleaseUpdate(
            projects=[*projects, *(str(project) for project in self.projects or ())],
            url=self.url,
            status=self.status,
            started_at=self.dateStarted,
            released_at=self.dateReleased,
        )


class NewRelease(ReleaseIn):
    """A release that is created if it does not exist."""

    version: str


class MappingRelease(BaseModel):
    """A ProGuard mapping and a release to associate it with."""

    release_name: str | None = None
    proguard_uuid: str | None = None


class AssociatedFiles(BaseModel):
    """Debug files and a version of an app. Source: spec/sentry-cli A2."""

    checksums: Annotated[list[str], _FAIL_FAST]
    appId: str  # noqa: N815 -- sentry-cli's spelling
    version: str
    build: str | None = None

    @property
    def release(self) -> str:
        """The version of the release."""
        build = f"+{self.build}" if self.build else ""
        return f"{self.appId}@{self.version}{build}"


@router.post(MAPPING_PATH, response={201: None})
def associate_mapping(request: HttpRequest, org: str, project: str) -> HttpResponse:
    """Associate a ProGuard mapping with a release, which is created if missing.

    Source: spec/sentry-server 3, also for the texts.
    """
    caller = auth.caller(request)
    owner = caller.project(org, project, Permission.UPLOAD)
    body = schemas.read_body(request, MappingRelease)
    required = {"release_name": body.release_name, "proguard_uuid": body.proguard_uuid}
    if missing := [name for name, value in required.items() if not value]:
        raise InvalidRequest(f"Missing required fields: {', '.join(missing)}")
    mapping = _mapping_id(body.proguard_uuid or "")
    associations.associate_mapping(caller, owner, body.release_name or "", mapping)
    return HttpResponse(status=HTTPStatus.CREATED)


@router.get(MAPPING_PATH)
def releases_of_mapping(
    request: HttpRequest, org: str, project: str, proguard_uuid: str = ""
) -> dict[str, list[str] | None]:
    """List the releases that a ProGuard mapping is associated with."""
    owner = auth.caller(request).project(org, project, Permission.LIST)
    if not proguard_uuid:
        return {"releases": None}
    mapping = _mapping_id(proguard_uuid)
    return {"releases": associations.versions_of_mapping(owner, mapping)}


@router.post(
    "/projects/{org}/{project}/files/dsyms/associate/",
    response=dict[str, list[DebugFileOut]],
)
def associate(
    request: HttpRequest, org: str, project: str
) -> dict[str, list[DebugFileOut]]:
    """Associate debug files with a release; return the newly associated ones.

    Source: spec/sentry-server 3.
    """
    caller = auth.caller(request)
    owner = caller.project(org, project, Permission.UPLOAD)
    body = schemas.read_body(request, AssociatedFiles)
    if len(body.checksums) > settings.MAX_FILES_PER_ASSEMBLE:
        raise InvalidRequest(
            f"checksums: at most {settings.MAX_FILES_PER_ASSEMBLE} are taken"
        )
    new = associations.associate_files(
        caller, owner, body.release, schemas.valid_checksums(body.checksums)
    )
    return {"associatedDsymFiles": [schemas.debug_file_json(row) for row in new]}


@router.get(OF_ORGANIZATION)
@router.get(OF_PROJECT)
def listed(
    request: HttpRequest,
    response: HttpResponse,
    path: Path[ReleasePath],
    query: Query[paging.LargePage],
) -> list[dict[str, object]]:
    """List releases, newest first."""
    scope = _scope(request, path, Permission.LIST_RELEASES)
    rows = releases.list_releases(scope)
    return _to_json(scope, paging.cut(query, rows, request, response))


@router.post(OF_ORGANIZATION, response={200: object, 201: object, 208: object})
@router.post(OF_PROJECT, response={200: object, 201: object, 208: object})
def create(request: HttpRequest, path: Path[ReleasePath]) -> Status[object]:
    """Create or change a release. 208: it exists, and nothing changed."""
    scope = _scope(request, path, Permission.KEEP_RELEASES)
    body = schemas.read_body(request, NewRelease)
    update = body.to_update(*([path.project] if path.project else ()))
    release, is_new = releases.create_or_update(
        scope, body.version, update, by=str(auth.caller(request))
    )
    status = HTTPStatus.CREATED if is_new else HTTPStatus.ALREADY_REPORTED
    return Status(status, _to_json(scope, [release])[0])


@router.get(OF_ORGANIZATION + "{path:version}/commits/")
@router.get(OF_PROJECT + "{path:version}/commits/")
@router.get(OF_ORGANIZATION + "{path:version}/deploys/")
@router.get(OF_PROJECT + "{path:version}/deploys/")
def empty_list(request: HttpRequest, path: Path[ReleasePath]) -> list[object]:
    """Return an empty list: releases have no commits or deploys."""
    releases.by_version(_scope(request, path, Permission.LIST_RELEASES), path.version)
    return []


@router.get(OF_ORGANIZATION + "{path:version}/previous-with-commits/")
@router.get(OF_PROJECT + "{path:version}/previous-with-commits/")
def no_release_has_commits(
    request: HttpRequest, path: Path[ReleasePath]
) -> dict[str, str]:
    """Return nothing: no previous release has commits."""
    releases.by_version(_scope(request, path, Permission.LIST_RELEASES), path.version)
    return {}


@router.get("/organizations/{org}/repos/")
def repositories(request: HttpRequest, path: Path[ReleasePath]) -> list[object]:
    """Return an empty list: there are no repositories."""
    _scope(request, path, Permission.LIST_RELEASES)
    return []


@router.post(OF_ORGANIZATION + "{path:version}/deploys/")
@router.post(OF_PROJECT + "{path:version}/deploys/")
def deploy(request: HttpRequest, path: Path[ReleasePath]) -> None:
    """Refuse a deploy."""
    releases.by_version(_scope(request, path, Permission.KEEP_RELEASES), path.version)
    raise InvalidRequest(_NO_DEPLOYS)


@router.get(OF_ORGANIZATION + "{path:version}/")
@router.get(OF_PROJECT + "{path:version}/")
def detail(request: HttpRequest, path: Path[ReleasePath]) -> dict[str, object]:
    """Return one release."""
    scope = _scope(request, path, Permission.LIST_RELEASES)
    return _to_json(scope, [releases.by_version(scope, path.version)])[0]


@router.put(OF_ORGANIZATION + "{path:version}/")
@router.put(OF_PROJECT + "{path:version}/")
def change(request: HttpRequest, path: Path[ReleasePath]) -> dict[str, object]:
    """Change a release."""
    scope = _scope(request, path, Permission.KEEP_RELEASES)
    update = schemas.read_body(request, ReleaseIn).to_update()
    return _to_json(scope, [releases.update(scope, path.version, update)])[0]


@router.delete(OF_ORGANIZATION + "{path:version}/")
@router.delete(OF_PROJECT + "{path:version}/")
def delete(request: HttpRequest, path: Path[ReleasePath]) -> HttpResponse:
    """Delete a release, without its debug files."""
    scope = _scope(request, path, Permission.DELETE_RELEASES)
    releases.delete(scope, path.version, by=str(auth.caller(request)))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _mapping_id(text: str) -> DebugId:
    try:
        return DebugId(UUID(text))
    except ValueError:
        raise InvalidRequest("Invalid proguard_uuid") from None


def _scope(
    request: HttpRequest, path: ReleasePath, permission: Permission
) -> AccessScope:
    return auth.caller(request).reach(path.org, path.project, permission)


def _to_json(scope: AccessScope, rows: list[Release]) -> list[dict[str, object]]:
    counts = associations.files_per_release(scope, rows)
    return [_release(row, counts.get(row.pk, 0)) for row in rows]


def _release(row: Release, debug_files: int) -> dict[str, object]:
    """Return the JSON that sentry-cli reads, and `debugFileCount`, an extension."""
    return {
        "id": row.pk,
        "version": row.version,
        "shortVersion": row.version,
        "status": row.status,
        "url": row.url or None,
        "ref": None,
        "dateCreated": schemas.time_json(row.created_at),
        "dateStarted": schemas.time_json(row.started_at),
        "dateReleased": schemas.time_json(row.released_at),
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
