"""What old clients call: the zip upload, and what they ask after an upload."""

from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from ninja import Query, Router, Schema, Status

from symdepot.debugfiles import project_files
from symdepot.domain.errors import InvalidRequest
from symdepot.domain.ids import Checksum
from symdepot.pipeline import intake
from symdepot.projects import webhooks
from symdepot.projects.access import Permission
from symdepot.protocols import auth
from symdepot.protocols.sentry import debug_files, schemas
from symdepot.protocols.sentry.schemas import DebugFileOut

router = Router()


class ChecksumFilter(Schema):
    """The files that a client asks about; it may be none."""

    checksums: list[str] = []


# Of two routers that know a path, the first answers all of its methods.
@debug_files.router.post(debug_files.PATH, response={201: list[DebugFileOut]})
def upload_zip(
    request: HttpRequest, org: str, project: str
) -> Status[list[DebugFileOut]]:
    """Take in a zip of debug files; answer with those that are new.

    Source: spec/sentry-server 3, first row.
    """
    bearer = auth.caller(request)
    owner = bearer.project(org, project, Permission.UPLOAD)
    close_old_connections()  # a slow client must not keep one while it sends
    request.upload_handlers = [TemporaryFileUploadHandler(request)]
    try:
        archive = request.FILES.get("file")
    except (MultiPartParserError, SuspiciousOperation) as error:
        raise InvalidRequest("Invalid multipart body") from error
    if archive is None or archive.file is None:
        raise InvalidRequest("Missing uploaded file")
    new = intake.upload_zip(owner, archive.file, by=str(bearer))
    return Status(HTTPStatus.CREATED, [schemas.debug_file_json(row) for row in new])


@router.get("/projects/{org}/{project}/files/dsyms/unknown/")
def unknown(
    request: HttpRequest, org: str, project: str, asked: Query[ChecksumFilter]
) -> dict[str, list[str]]:
    """Say which of these files are not debug files of the project.

    Source: spec/sentry-server 3.
    """
    owner = auth.caller(request).project(org, project, Permission.LIST)
    wanted = {checksum.lower() for checksum in asked.checksums}
    known = project_files.by_checksums(owner, _readable(wanted))
    return {"missing": sorted(wanted - {c.hex for c in known})}


@router.post("/projects/{org}/{project}/reprocessing/")
def reprocessing(request: HttpRequest, org: str, project: str) -> HttpResponse:
    """Move the project's revision, so that who processes events looks at them again.

    There are no events here; those who have them poll the revision, or have a webhook.

    Source: spec/sentry-cli A1, step 6; spec/sentry-server 3.
    """
    webhooks.bump_revision(
        auth.caller(request).project(org, project, Permission.UPLOAD)
    )
    return HttpResponse(status=HTTPStatus.OK)


def _readable(checksums: Iterable[str]) -> list[Checksum]:
    readable = []
    for checksum in checksums:
        with suppress(ValueError):
            readable.append(Checksum(checksum))
    return readable
