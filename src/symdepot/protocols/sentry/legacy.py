"""What old clients call: the zip upload, and the calls after an upload.

Also refuses the endpoints for source maps with an explanation.
"""

from http import HTTPStatus
from pathlib import Path
from typing import Any, override

from django.conf import settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from ninja import Path as PathParameters
from ninja import Query, Router, Schema, Status

from symdepot.debugfiles import project_files
from symdepot.domain.errors import BodyTooLarge, InvalidRequest, NotAllowed
from symdepot.pipeline import upload_requests
from symdepot.projects import webhooks
from symdepot.projects.access import Permission
from symdepot.protocols import auth, request_body
from symdepot.protocols.sentry import debug_files, schemas
from symdepot.protocols.sentry.releases import OF_ORGANIZATION, OF_PROJECT, ReleasePath
from symdepot.protocols.sentry.schemas import DebugFileOut
from symdepot.uploads import quota

router = Router()


class ChecksumFilter(Schema):
    """Query parameters."""

    checksums: list[str] = []


class UnnamedFileUploadHandler(TemporaryFileUploadHandler):
    """Receives into a file without a name: it is gone however the process ends.

    A second file is refused.
    """

    @override
    def new_file(self, *args: Any, **kwargs: Any) -> None:
        if getattr(self, "file", None) is not None:
            raise InvalidRequest("A request may have one zip.")
        super().new_file(*args, **kwargs)
        Path(self.file.temporary_file_path()).unlink()


# On this router, since ninja lets one router answer all methods of a path.
@debug_files.router.post(debug_files.PATH, response={201: list[DebugFileOut]})
def upload_zip(
    request: HttpRequest, org: str, project: str
) -> Status[list[DebugFileOut]]:
    """Register the debug files in a zip; return the new ones.

    The zip itself may be as large as one of its files.

    Source: spec/sentry-server 3, first row.
    """
    caller = auth.caller(request)
    owner = caller.project(org, project, Permission.UPLOAD)
    if (full := quota.refusal_if_full(owner.organization)) is not None:
        request_body.discard_body(request, limit_bytes=settings.MAX_FILE_SIZE)
        raise full
    if request.content_type != "multipart/form-data":
        raise InvalidRequest("Missing uploaded file")
    close_old_connections()  # a slow client must not occupy one
    files = request_body.parse_multipart(
        request,
        [UnnamedFileUploadHandler(request)],
        limit_bytes=settings.MAX_FILE_SIZE,
        too_large=BodyTooLarge(settings.MAX_FILE_SIZE),
    )
    archive = files.get("file")
    if archive is None or archive.file is None:
        raise InvalidRequest("Missing uploaded file")
    new = upload_requests.upload_zip(
        owner, archive.file, by=str(caller), is_confined=caller.is_confined
    )
    return Status(HTTPStatus.CREATED, [schemas.debug_file_json(row) for row in new])


@router.get("/projects/{org}/{project}/files/dsyms/unknown/")
def unknown(
    request: HttpRequest, org: str, project: str, query: Query[ChecksumFilter]
) -> dict[str, list[str]]:
    """Return which of these checksums the project has no debug file of.

    Source: spec/sentry-server 3.
    """
    owner = auth.caller(request).project(org, project, Permission.LIST)
    wanted = {checksum.lower() for checksum in query.checksums}
    known = project_files.by_checksums(owner, schemas.valid_checksums(wanted))
    return {"missing": sorted(wanted - {c.hex for c in known})}


@router.post("/projects/{org}/{project}/reprocessing/")
def reprocessing(request: HttpRequest, org: str, project: str) -> HttpResponse:
    """Increase the project's revision.

    In Sentry this reprocesses events. Here, programs that have events poll the revision
    or receive a webhook.

    Source: spec/sentry-cli A1, step 6; spec/sentry-server 3.
    """
    owner = auth.caller(request).project(org, project, Permission.UPLOAD)
    webhooks.bump_revision(owner)
    return HttpResponse(status=HTTPStatus.OK)


@router.post("/organizations/{org}/artifactbundle/assemble/")
@router.api_operation(["GET", "POST"], OF_ORGANIZATION + "{path:version}/files/")
@router.api_operation(["GET", "POST"], OF_PROJECT + "{path:version}/files/")
@router.post(OF_ORGANIZATION + "{path:version}/assemble/")
@router.post(OF_PROJECT + "{path:version}/assemble/")
def refuse(request: HttpRequest, path: PathParameters[ReleasePath]) -> None:
    """Refuse source maps. sentry-cli would report a 404 as a missing release.

    Source: spec/sentry-cli A2, "sourcemaps upload".
    """
    auth.caller(request).reach(path.org, path.project, Permission.UPLOAD)
    raise NotAllowed(
        "This server keeps debug files, and neither source maps nor other files "
        "of a release."
    )
