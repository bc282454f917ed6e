"""POST projects/<org>/<project>/files/difs/assemble/: where offered files stand."""

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
    """Answer where each offered file stands, and see to those that are complete.

    The body is `{sha1: {name, chunks, debug_id?}}`.
    """
    bearer = auth.caller(request)
    owner = bearer.project(org, project, Permission.UPLOAD)
    try:
        body = request.body
    except RequestDataTooBig:
        raise InvalidRequest("the body of an assemble request is too large") from None
    standings = intake.request_uploads(
        owner, schemas.upload_requests(body, by=str(bearer))
    )
    return {checksum.hex: _rendered(where) for checksum, where in standings.items()}


def _rendered(standing: UploadStatus) -> AssembleState:
    found = standing.debug_file
    return AssembleState(
        state=standing.state.value,
        missingChunks=[c.hex for c in standing.missing],
        detail=standing.detail or None,
        dif=schemas.debug_file_json(found) if found else None,
    )
