"""POST projects/<org>/<project>/files/difs/assemble/: upload requests."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from ninja import Router

from symdepot.domain.errors import InvalidRequest
from symdepot.pipeline import intake
from symdepot.pipeline.intake import UploadStatus
from symdepot.projects.access import Permission
from symdepot.protocols import auth
from symdepot.protocols.sentry import schemas
from symdepot.protocols.sentry.schemas import AssembleState

router = Router()


@router.post(
    "/projects/{org}/{project}/files/difs/assemble/",
    response=dict[str, AssembleState],
)
def assemble(request: HttpRequest, org: str, project: str) -> dict[str, AssembleState]:
    """Return the status of each upload request, and assemble complete ones.

    The body is `{sha1: {name, chunks, debug_id?}}`.
    """
    caller = auth.caller(request)
    owner = caller.project(org, project, Permission.UPLOAD)
    try:
        body = request.body
    except RequestDataTooBig:
        raise InvalidRequest("the body of an assemble request is too large") from None
    statuses = intake.request_uploads(
        owner, schemas.upload_requests(body, by=str(caller))
    )
    return {checksum.hex: _to_json(status) for checksum, status in statuses.items()}


def _to_json(status: UploadStatus) -> AssembleState:
    return AssembleState(
        state=status.state.value,
        missingChunks=[c.hex for c in status.missing],
        detail=status.detail or None,
        dif=schemas.debug_file_json(status.debug_file) if status.debug_file else None,
    )
