"""What is asked with source maps in hand, and refused in a sentence."""

from django.http import HttpRequest
from ninja import Path, Router

from symdepot.domain.errors import NotAllowed
from symdepot.projects.access import Permission
from symdepot.protocols import auth
from symdepot.protocols.sentry import releases
from symdepot.protocols.sentry.releases import ReleasePath

router = Router()


@router.post("/organizations/{org}/artifactbundle/assemble/")
@router.api_operation(
    ["GET", "POST"], releases.OF_ORGANIZATION + "{path:version}/files/"
)
@router.api_operation(["GET", "POST"], releases.OF_PROJECT + "{path:version}/files/")
@router.post(releases.OF_ORGANIZATION + "{path:version}/assemble/")
@router.post(releases.OF_PROJECT + "{path:version}/assemble/")
def refuse(request: HttpRequest, where: Path[ReleasePath]) -> None:
    """Refuse. A 404 would be told as a release that is not found.

    Source: spec/sentry-cli A2, "sourcemaps upload".
    """
    auth.caller(request).reach(where.org, where.project, Permission.UPLOAD)
    raise NotAllowed(
        "This server keeps debug files, and neither source maps nor other files "
        "of a release."
    )
