"""Serves a file: whole, a section, or a range of it, with an ETag.

A file that is one chunk can be offloaded: the proxy or the bucket sends it.

Source: nginx, ngx_http_proxy_module, "X-Accel-Redirect"; the proxy announces itself in
`X-Sendfile-Type`, after Rack::Sendfile.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from itertools import chain

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.utils.http import content_disposition_header, parse_etags

from symdepot.blobs.configured import blob_store
from symdepot.blobs.incoming import read_blocks
from symdepot.blobs.store import blob_path
from symdepot.debugfiles.contents import FileContent
from symdepot.domain.errors import BlobMissing, StorageUnavailable
from symdepot.domain.formats.elf_headers import Section
from symdepot.protocols import response_compression
from symdepot.protocols.response_compression import Coding

_ACCEL_HEADER = "X-Accel-Redirect"
_SIGNED_URL_VALID_FOR = timedelta(minutes=15)
"""Long enough for a client that requests several ranges of the same address."""
_BLOCK_BYTES = 128 * 1024
"""Larger blocks leave the processor's caches before they are sent: docs/benchmarks.md."""
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})").fullmatch
_WITH_FILE_NAME = {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}


def serve(
    request: HttpRequest,
    content: FileContent,
    *,
    filename: str,
    section: Section | None = None,
) -> HttpResponseBase:
    """Answer with the bytes of `content`, or a section of it.

    Answers `HEAD`, a `GET` of a single `Range` (206, or 416 if out of range; other
    forms of range are ignored, as RFC 9110 14.2 allows), `If-None-Match` and
    `If-Range`. The ETag is the file's SHA-1, so it is strong and the same everywhere;
    of a compressed response it is weak.

    Raises:
        BlobMissing: the bytes are gone.
        StorageUnavailable: the disk or bucket failed.
    """
    origin = Section(0, content.size_bytes) if section is None else section
    suffix = "" if section is None else f"-{section.start}-{section.size_bytes}"
    tag = f'"{content.checksum}{suffix}"'
    is_offloaded = section is None and _can_offload(request, content)
    coding = None if is_offloaded else _coding(request, content, origin)
    if _is_known(request, tag):
        response: HttpResponseBase = HttpResponse(status=HTTPStatus.NOT_MODIFIED)
    elif is_offloaded:
        response = _offload(content)
    elif coding is not None:
        response = _compressed(request, content, origin, coding)
    else:
        response = _streamed(request, content, origin, tag)
    if response.status_code in _WITH_FILE_NAME:
        disposition = content_disposition_header(as_attachment=True, filename=filename)
        response["Content-Disposition"] = disposition or "attachment"
    response["ETag"] = f"W/{tag}" if coding else tag
    response["Accept-Ranges"] = "bytes"
    if not is_offloaded and response_compression.is_compressible_size(
        origin.size_bytes
    ):
        response["Vary"] = "Accept-Encoding"
    return response


def read_range(content: FileContent, start: int, size_bytes: int) -> bytes:
    """Return `size_bytes` of `content` from `start`, or fewer at its end.

    Raises:
        BlobMissing: the bytes are gone.
        StorageUnavailable: the disk or bucket failed.
    """
    return b"".join(_blocks(content, start, size_bytes))


def _can_offload(request: HttpRequest, content: FileContent) -> bool:
    """Return whether the proxy or the bucket can send all of `content`.

    The proxy must announce that it will: to a client without it, the response would be
    an empty file. A signed URL is valid for `GET` only.
    """
    if len(content.chunks) != 1:
        return False
    match settings.DOWNLOADS:
        case "accel":
            return request.headers.get("X-Sendfile-Type") == _ACCEL_HEADER
        case "redirect":
            return request.method == "GET"
        case _:
            return False


def _offload(content: FileContent) -> HttpResponse:
    """Let the proxy send the chunk, or redirect to the bucket."""
    [(chunk, _)] = content.chunks
    if settings.DOWNLOADS == "accel":
        if chunk not in blob_store():
            raise BlobMissing(chunk)
        response = HttpResponse(content_type="application/octet-stream")
        response[_ACCEL_HEADER] = f"{settings.ACCEL_PREFIX}{blob_path(chunk)}"
        return response
    url = blob_store().signed_url(chunk, valid_for=_SIGNED_URL_VALID_FOR)
    if url is None:
        raise StorageUnavailable
    response = HttpResponse(status=HTTPStatus.FOUND)
    response["Location"] = url
    response["Cache-Control"] = "no-store"
    return response


def _coding(
    request: HttpRequest, content: FileContent, origin: Section
) -> Coding | None:
    """Return the coding, if any; the sample is from the middle of the file."""
    if not response_compression.is_compressible_size(origin.size_bytes):
        return None
    middle = origin.start + origin.size_bytes // 2
    return response_compression.choose_coding(
        request, lambda: read_range(content, middle, response_compression.SAMPLE_BYTES)
    )


def _compressed(
    request: HttpRequest, content: FileContent, origin: Section, coding: Coding
) -> HttpResponseBase:
    blocks = _blocks(content, origin.start, origin.size_bytes)
    response = _body(request, response_compression.compress(blocks, coding))
    response["Content-Encoding"] = coding.value
    return response


def _streamed(
    request: HttpRequest, content: FileContent, origin: Section, tag: str
) -> HttpResponseBase:
    """Answer with all of it, or the requested range."""
    part = _requested_range(request, origin.size_bytes, tag)
    if part is None:
        response = _body(request, _blocks(content, origin.start, origin.size_bytes))
        response["Content-Length"] = str(origin.size_bytes)
        return response
    if not part:
        refusal = HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        refusal["Content-Range"] = f"bytes */{origin.size_bytes}"
        return refusal
    response = _body(request, _blocks(content, origin.start + part.start, len(part)))
    response.status_code = HTTPStatus.PARTIAL_CONTENT
    response["Content-Length"] = str(len(part))
    response["Content-Range"] = f"bytes {part[0]}-{part[-1]}/{origin.size_bytes}"
    return response


def _is_known(request: HttpRequest, tag: str) -> bool:
    """Return whether the client has the file, compressed or not."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return not {tag, f"W/{tag}", "*"}.isdisjoint(known)


def _requested_range(request: HttpRequest, size_bytes: int, etag: str) -> range | None:
    """Return the range to send, empty if there are no such bytes; None is the whole."""
    match = _RANGE(request.headers.get("Range", "").strip())
    is_valid = request.method == "GET" and request.headers.get("If-Range", etag) == etag
    if match is None or not is_valid:
        return None
    first, last = match.groups()
    if first and (not last or int(first) <= int(last)):
        return range(int(first), min(int(last or size_bytes) + 1, size_bytes))
    if last and not first:
        return range(max(size_bytes - int(last), 0), size_bytes)
    return None


def _body(request: HttpRequest, blocks: Iterator[bytes]) -> HttpResponseBase:
    kind = "application/octet-stream"
    if request.method == "HEAD":
        return HttpResponse(content_type=kind)
    # Read the first block before the headers are sent, so that missing bytes raise.
    first = next(blocks, b"")
    return StreamingHttpResponse(chain((first,), blocks), content_type=kind)


def _blocks(content: FileContent, start: int, size_bytes: int) -> Iterator[bytes]:
    """Yield the bytes from `start`, or fewer at the end."""
    store, stop = blob_store(), start + size_bytes
    for chunk, chunk_bytes in content.chunks:
        wanted = range(max(start, 0), min(stop, chunk_bytes))
        start, stop = start - chunk_bytes, stop - chunk_bytes
        if wanted:
            with store.open(chunk, start=wanted.start) as blob:
                yield from read_blocks(blob, len(wanted), block_bytes=_BLOCK_BYTES)
