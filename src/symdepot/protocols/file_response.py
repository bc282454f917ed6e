"""Serves a file: whole, a section, or a range of it, with an ETag.

A file that is one chunk can be offloaded: the proxy or the bucket sends it.

Source: nginx, ngx_http_proxy_module, "X-Accel-Redirect"; the proxy announces itself in
`X-Sendfile-Type`, after Rack::Sendfile.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
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
from symdepot.domain.formats.elf import Section
from symdepot.domain.ids import Checksum
from symdepot.protocols import compression
from symdepot.protocols.compression import Coding

_ACCEL_HEADER = "X-Accel-Redirect"
_SIGNED_URL_VALID_FOR = timedelta(minutes=15)
"""Long enough for a client that requests several ranges of the same address."""
_BLOCK_BYTES = 128 * 1024
"""Larger blocks leave the processor's caches before they are sent: docs/benchmarks.md."""
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})").fullmatch
_WITH_FILE_NAME = {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}


@dataclass(frozen=True, slots=True)
class _Span:
    """The bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    def shifted(self, offset: int) -> "_Span":
        """Return the span `offset` bytes later."""
        return _Span(offset + self.start, offset + self.stop)


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
        response["Content-Disposition"] = _disposition(filename)
    response["ETag"] = f"W/{tag}" if coding else tag
    response["Accept-Ranges"] = "bytes"
    if not is_offloaded and compression.is_compressible_size(origin.size_bytes):
        response["Vary"] = "Accept-Encoding"
    return response


def read_range(content: FileContent, start: int, size_bytes: int) -> bytes:
    """Return `size_bytes` of `content` from `start`, or fewer at its end.

    Raises:
        BlobMissing: the bytes are gone.
        StorageUnavailable: the disk or bucket failed.
    """
    return b"".join(_blocks(content, _Span(start, start + size_bytes)))


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
    [(chunk, _)] = content.chunks
    return _to_proxy(chunk) if settings.DOWNLOADS == "accel" else _to_bucket(chunk)


def _to_proxy(chunk: Checksum) -> HttpResponse:
    if chunk not in blob_store():
        raise BlobMissing(chunk)
    response = HttpResponse(content_type="application/octet-stream")
    response[_ACCEL_HEADER] = f"{settings.ACCEL_PREFIX}{blob_path(chunk)}"
    return response


def _to_bucket(chunk: Checksum) -> HttpResponse:
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
    if not compression.is_compressible_size(origin.size_bytes):
        return None
    middle = origin.start + origin.size_bytes // 2
    return compression.choose_coding(
        request, lambda: read_range(content, middle, compression.SAMPLE_BYTES)
    )


def _compressed(
    request: HttpRequest, content: FileContent, origin: Section, coding: Coding
) -> HttpResponseBase:
    """Answer with all of it, compressed, and so without a length."""
    blocks = _blocks(content, _Span(0, origin.size_bytes).shifted(origin.start))
    response = _body(request, compression.compress(blocks, coding))
    response["Content-Encoding"] = coding.value
    return response


def _streamed(
    request: HttpRequest, content: FileContent, origin: Section, tag: str
) -> HttpResponseBase:
    """Answer with all of it, or the requested range."""
    span, is_part = _requested_span(request, origin.size_bytes, tag)
    if span is None:
        refusal = HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        refusal["Content-Range"] = f"bytes */{origin.size_bytes}"
        return refusal
    response = _body(request, _blocks(content, span.shifted(origin.start)))
    response["Content-Length"] = str(span.stop - span.start)
    if is_part:
        response.status_code = HTTPStatus.PARTIAL_CONTENT
        response["Content-Range"] = (
            f"bytes {span.start}-{span.stop - 1}/{origin.size_bytes}"
        )
    return response


def _disposition(filename: str) -> str:
    return (
        content_disposition_header(as_attachment=True, filename=filename)
        or "attachment"
    )


def _is_known(request: HttpRequest, tag: str) -> bool:
    """Return whether the client has the file, compressed or not."""
    known = [
        one.removeprefix("W/")
        for one in parse_etags(request.headers.get("If-None-Match", ""))
    ]
    return tag in known or "*" in known


def _requested_span(
    request: HttpRequest, size_bytes: int, etag: str
) -> tuple[_Span | None, bool]:
    """Return the span to send, None if out of range; and whether it is a part."""
    whole = _Span(0, size_bytes)
    match = _RANGE(request.headers.get("Range", "").strip())
    is_valid = request.method == "GET" and request.headers.get("If-Range", etag) == etag
    if match is None or not is_valid:
        return whole, False
    first, last = match.groups()
    if not first and not last:
        return whole, False
    if not first:
        start, stop = max(size_bytes - int(last), 0), size_bytes
    else:
        start, stop = int(first), min(int(last or size_bytes) + 1, size_bytes)
        if last and int(last) < start:
            return whole, False
    return (_Span(start, stop) if start < stop else None), True


def _body(request: HttpRequest, blocks: Iterator[bytes]) -> HttpResponseBase:
    kind = "application/octet-stream"
    if request.method == "HEAD":
        return HttpResponse(content_type=kind)
    return StreamingHttpResponse(_with_first_block_read(blocks), content_type=kind)


def _with_first_block_read(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Read the first block before the headers are sent, so that missing bytes raise."""
    first = next(blocks, b"")
    return chain((first,), blocks)


def _blocks(content: FileContent, span: _Span) -> Iterator[bytes]:
    store = blob_store()
    offset = 0
    for chunk, size_bytes in content.chunks:
        start = max(span.start - offset, 0)
        left = min(span.stop - offset, size_bytes) - start
        offset += size_bytes
        if left <= 0:
            continue
        with store.open(chunk, start=start) as blob:
            yield from read_blocks(blob, left, block_bytes=_BLOCK_BYTES)
