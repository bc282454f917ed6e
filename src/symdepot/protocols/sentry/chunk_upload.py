"""Uploads: options for the client, chunks, and requests to assemble them to files."""

from http import HTTPStatus

from django.conf import settings
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from ninja import Router

from symdepot.blobs.configured import blob_store
from symdepot.domain.errors import BodyTooLarge, InvalidRequest
from symdepot.pipeline import upload_requests
from symdepot.projects.access import Permission
from symdepot.protocols import auth, request_body, response_compression
from symdepot.protocols.sentry import chunk_body, schemas
from symdepot.protocols.sentry.chunk_body import ChunkBody, Encoding
from symdepot.protocols.sentry.schemas import AssembleState, ChunkUploadOptions
from symdepot.uploads import quota

router = Router()

_RELATIVE_SINCE = (1, 70, 1)
_ABSOLUTE_SINCE = (2, 30, 0)
_ACCEPTED = [
    "debug_files",
    "pdbs",
    "sources",
    "bcsymbolmaps",
    "il2cpp",
    "portablepdbs",
    "proguard",
    "dartsymbolmap",
]


@router.get("/organizations/{org}/chunk-upload/", response=ChunkUploadOptions)
def options(request: HttpRequest, org: str) -> ChunkUploadOptions:
    """Return where and how to send chunks.

    With an empty `accept`, sentry-cli before 3.0 sends zips instead.

    Source: spec/sentry-cli A8.
    """
    organization = auth.caller(request).organization(org, Permission.LIST)
    return ChunkUploadOptions(
        url=_url(organization.slug, schemas.cli_version(request)),
        chunkSize=settings.CHUNK_SIZE,
        chunksPerRequest=settings.CHUNKS_PER_REQUEST,
        maxFileSize=settings.MAX_FILE_SIZE,
        maxRequestSize=settings.MAX_REQUEST_SIZE,
        concurrency=settings.UPLOAD_CONCURRENCY,
        hashAlgorithm="sha1",
        compression=_compression(request),
        accept=_ACCEPTED if organization.takes_chunks else [],
    )


@router.post("/organizations/{org}/chunk-upload/")
def upload(request: HttpRequest, org: str) -> HttpResponse:
    """Store the chunks of a request, each on its own."""
    caller = auth.caller(request)
    organization = caller.organization(org, Permission.UPLOAD)
    header = request.headers.get("Content-Encoding")
    encoding = Encoding.from_header(header) if header else None
    full = quota.refusal_if_full(organization)
    close_old_connections()  # a slow client must not occupy one
    body = ChunkBody(request, blob_store(), encoding)
    if full is not None:
        request_body.discard_body(request, limit_bytes=chunk_body.max_body_bytes())
        raise full
    try:
        body.receive()
    finally:
        upload_requests.accept_chunks(
            organization, body.stored, confined_to=caller.token.project
        )
    if body.refusal is not None:
        raise body.refusal
    return HttpResponse(status=HTTPStatus.OK)


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
        body = request_body.read_json(request)
    except BodyTooLarge:
        raise InvalidRequest("the body of an assemble request is too large") from None
    statuses = upload_requests.request_uploads(
        owner,
        schemas.upload_requests(body, by=str(caller), is_confined=caller.is_confined),
    )
    return {
        checksum.hex: AssembleState(
            state=status.state.value,
            missingChunks=[chunk.hex for chunk in status.missing],
            detail=status.detail or None,
            dif=schemas.debug_file_json(file) if (file := status.debug_file) else None,
        )
        for checksum, status in statuses.items()
    }


def _url(organization: str, cli_version: tuple[int, ...]) -> str:
    """Return the URL for posting chunks: relative for clients that understand it.

    Source: spec/sentry-server 1.2.
    """
    path = f"organizations/{organization}/chunk-upload/"
    if settings.UPLOAD_URL_PREFIX:
        return f"{settings.UPLOAD_URL_PREFIX}/api/0/{path}"
    is_relative = _RELATIVE_SINCE <= cli_version < _ABSOLUTE_SINCE
    if settings.RELATIVE_UPLOAD_URLS and is_relative:
        return path
    return f"{settings.PUBLIC_URL}/api/0/{path}"


def _compression(request: HttpRequest) -> list[str]:
    """Return the compressions that this client should use.

    On a private network, compressing takes longer than it saves.
    """
    choice = settings.UPLOAD_COMPRESSION
    if choice == "auto":
        choice = "none" if response_compression.is_private_client(request) else "gzip"
    return ["gzip"] if choice == "gzip" else []
