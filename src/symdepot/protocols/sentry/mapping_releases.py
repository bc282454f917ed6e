"""What old clients call to say of which release a file is, after they have sent it."""

from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import BaseModel

from symdepot.debugfiles import associations
from symdepot.domain.errors import InvalidRequest
from symdepot.domain.ids import Checksum, DebugId
from symdepot.projects.access import Permission
from symdepot.protocols import auth
from symdepot.protocols.sentry import schemas
from symdepot.protocols.sentry.schemas import DebugFileOut

router = Router()

PATH = "/projects/{org}/{project}/files/proguard-artifact-releases"
"""Without a slash at its end, as sentry-cli has it."""


class MappingRelease(BaseModel):
    """A ProGuard mapping and a release of it."""

    release_name: str | None = None
    proguard_uuid: str | None = None


class AssociatedFiles(BaseModel):
    """Files and a version of an app. Source: spec/sentry-cli A2."""

    checksums: list[str]
    appId: str  # noqa: N815 -- sentry-cli's spelling
    version: str
    build: str | None = None

    @property
    def release(self) -> str:
        """What the release is called."""
        build = f"+{self.build}" if self.build else ""
        return f"{self.appId}@{self.version}{build}"


@router.post(PATH, response={201: None})
def associate_mapping(request: HttpRequest, org: str, project: str) -> HttpResponse:
    """Let a ProGuard mapping be of a release; its project has both then.

    Source: spec/sentry-server 3, also for the texts.
    """
    bearer = auth.caller(request)
    owner = bearer.project(org, project, Permission.UPLOAD)
    body = schemas.read_body(request, MappingRelease)
    given = {"release_name": body.release_name, "proguard_uuid": body.proguard_uuid}
    if missing := [name for name, value in given.items() if not value]:
        raise InvalidRequest(f"Missing required fields: {', '.join(missing)}")
    mapping = _mapping(body.proguard_uuid or "")
    version = body.release_name or ""
    associations.associate_mapping(owner, version, mapping, by=str(bearer))
    return HttpResponse(status=HTTPStatus.CREATED)


@router.get(PATH)
def releases_of_mapping(
    request: HttpRequest, org: str, project: str, proguard_uuid: str = ""
) -> dict[str, list[str] | None]:
    """Say of which releases a ProGuard mapping is."""
    owner = auth.caller(request).project(org, project, Permission.LIST)
    if not proguard_uuid:
        return {"releases": None}
    mapping = _mapping(proguard_uuid)
    return {"releases": associations.versions_of_mapping(owner, mapping)}


@router.post(
    "/projects/{org}/{project}/files/dsyms/associate/",
    response=dict[str, list[DebugFileOut]],
)
def associate(
    request: HttpRequest, org: str, project: str
) -> dict[str, list[DebugFileOut]]:
    """Let debug files be of a release; answer with those that were not before.

    Source: spec/sentry-server 3, as it was at the seed.
    """
    bearer = auth.caller(request)
    owner = bearer.project(org, project, Permission.UPLOAD)
    body = schemas.read_body(request, AssociatedFiles)
    new = associations.associate_files(
        owner, body.release, _readable(body.checksums), by=str(bearer)
    )
    return {"associatedDsymFiles": [schemas.debug_file_json(row) for row in new]}


def _mapping(text: str) -> DebugId:
    try:
        return DebugId(UUID(text))
    except ValueError:
        raise InvalidRequest("Invalid proguard_uuid") from None


def _readable(checksums: Iterable[str]) -> list[Checksum]:
    readable = []
    for checksum in checksums:
        with suppress(ValueError):
            readable.append(Checksum(checksum.lower()))
    return readable
