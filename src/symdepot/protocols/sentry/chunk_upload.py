"""GET and POST organizations/<org>/chunk-upload/: how to send chunks, and chunks."""

import re
from http import HTTPStatus
from typing import cast

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from ninja import Router

from symdepot.blobs.configured import blob_store
from symdepot.domain.errors import InvalidRequest, RequestTooLarge
from symdepot.pipeline import intake
from symdepot.projects.access import Permission
from symdepot.protocols import auth, client_network
from symdepot.protocols.sentry.chunk_body import (
    ChunkUploadHandler,
    Encoding,
    RequestLimits,
)
from symdepot.protocols.sentry.schemas import ChunkUploadOptions
from symdepot.uploads import quota

router = Router()

_CLI_VERSION = re.compile(r"sentry-cli/(\d+)\.(\d+)\.(\d+)").match
_LENGTH = re.compile(r"[0-9]{1,18}").fullmatch
_TAKES_RELATIVE_SINCE = (1, 70, 1)
_TAKES_RELATIVE_UNTIL = (2, 30, 0)
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
_MULTIPART_OVERHEAD_BYTES = 1024 * 1024
_READ_BYTES = 256 * 1024


@router.get("/organizations/{org}/chunk-upload/", response=ChunkUploadOptions)
def options(request: HttpRequest, org: str) -> ChunkUploadOptions:
    """Tell a client where and how to send chunks.

    Where an organization takes none, sentry-cli before 3.0 reads from the empty list
    of what is accepted that it has to send zips.

    Source: spec/sentry-cli A8.
    """
    organization = auth.caller(request).organization(org, Permission.LIST)
    return ChunkUploadOptions(
        url=_url(organization.slug, request.headers.get("User-Agent", "")),
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
    """Keep the chunks of a request; each stands on its own."""
    organization = auth.caller(request).organization(org, Permission.UPLOAD)
    header = request.headers.get("Content-Encoding")
    encoding = Encoding.named(header) if header else None
    limits = RequestLimits(
        chunk_bytes=settings.CHUNK_SIZE,
        request_bytes=max(settings.MAX_REQUEST_SIZE, settings.CHUNK_SIZE),
        chunks=settings.CHUNKS_PER_REQUEST,
    )
    _check_announced_length(request, limits)
    full = quota.refusal_if_full(organization)
    close_old_connections()  # a slow client must not keep one while it sends
    parts = ChunkUploadHandler(request, blob_store(), limits, encoding)
    parts.refusal = full
    request.upload_handlers = [parts]
    try:
        _read(request)
    finally:
        intake.accept_chunks(organization, parts.kept)
    if parts.refusal is not None:
        raise parts.refusal
    return HttpResponse(status=HTTPStatus.OK)


class _Counted:
    """Counts the bytes of a body, which ends early when its sender is gone."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.size_bytes = 0

    def read(self, limit: int, /) -> bytes:
        data = self._request.read(limit)
        self.size_bytes += len(data)
        return data


def _read(request: HttpRequest) -> None:
    """Read the request to its end; our handler sees each part on the way.

    Raises:
        InvalidRequest: it is malformed, or ends before its end.
    """
    body = _Counted(request)
    if request.content_type != "multipart/form-data":
        while body.read(_READ_BYTES):
            pass
        return
    try:
        request.parse_file_upload(request.META, cast("HttpRequest", body))
    except (MultiPartParserError, SuspiciousOperation, UnreadablePostError) as error:
        raise InvalidRequest("Invalid multipart body") from error
    if body.size_bytes < int(request.META.get("CONTENT_LENGTH") or "0"):
        raise InvalidRequest("Incomplete multipart body")


def _url(organization: str, user_agent: str) -> str:
    """Return where chunks are posted, in the form that this client understands.

    Source: spec/sentry-server 1.2.
    """
    path = f"organizations/{organization}/chunk-upload/"
    if settings.UPLOAD_URL_PREFIX:
        return f"{settings.UPLOAD_URL_PREFIX}/api/0/{path}"
    match = _CLI_VERSION(user_agent)
    version = tuple(int(part) for part in match.groups()) if match else ()
    takes_relative = _TAKES_RELATIVE_SINCE <= version < _TAKES_RELATIVE_UNTIL
    if settings.RELATIVE_UPLOAD_URLS and takes_relative:
        return path
    return f"{settings.PUBLIC_URL}/api/0/{path}"


def _compression(request: HttpRequest) -> list[str]:
    """Return how chunks should be compressed by this client.

    It costs sentry-cli more time than a near network saves it.
    """
    match settings.UPLOAD_COMPRESSION:
        case "gzip":
            return ["gzip"]
        case "none":
            return []
    return [] if client_network.is_private_client(request) else ["gzip"]


def _check_announced_length(request: HttpRequest, limits: RequestLimits) -> None:
    """Refuse a request that is too large by its own account, before it is read.

    Raises:
        RequestTooLarge: it is.
        InvalidRequest: it does not say how large it is.
    """
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not _LENGTH(announced):
        raise InvalidRequest("Content-Length is not a number")
    if int(announced) > limits.request_bytes + _MULTIPART_OVERHEAD_BYTES:
        raise RequestTooLarge(limits.request_bytes)
