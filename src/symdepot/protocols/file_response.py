"""Sends a file down the wire: as a whole or a range of it, with an ETag.

Lets others send a file that lies somewhere whole: the proxy, or the bucket.

Source: nginx, ngx_http_proxy_module, "X-Accel-Redirect"; what the proxy says of itself
in `X-Sendfile-Type` is after Rack::Sendfile.
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
from symdepot.debugfiles.project_files import FileContent
from symdepot.domain.errors import BlobMissing, StorageUnavailable
from symdepot.domain.formats.elf import Section
from symdepot.domain.ids import Checksum
from symdepot.protocols import compression
from symdepot.protocols.compression import Coding

_HEADER = "X-Accel-Redirect"
# Long enough for a client that asks for one part after the other at the same address.
_VALID_FOR = timedelta(minutes=15)


def can_offload(request: HttpRequest, content: FileContent) -> bool:
    """Say whether somebody else can answer this request with all of `content`.

    Only what is one chunk lies anywhere as it is. A proxy must say that it will fetch
    the file: whoever comes past it would take our empty answer for the file. An
    address that is signed for `GET` is good for nothing else.
    """
    if len(content.chunks) != 1:
        return False
    match settings.DOWNLOADS:
        case "accel":
            return request.headers.get("X-Sendfile-Type") == _HEADER
        case "redirect":
            return request.method == "GET"
        case _:
            return False


def offload(content: FileContent) -> HttpResponse:
    """Return an answer that says who has the bytes of `content`.

    Raises:
        BlobMissing: the bytes are gone; of a bucket, it is the bucket that says so.
        StorageUnavailable: the disk did not answer, or nothing can be signed.
    """
    [(chunk, _)] = content.chunks
    return _to_proxy(chunk) if settings.DOWNLOADS == "accel" else _to_bucket(chunk)


def _to_proxy(chunk: Checksum) -> HttpResponse:
    if chunk not in blob_store():
        raise BlobMissing(chunk)
    answer = HttpResponse(content_type="application/octet-stream")
    answer[_HEADER] = f"{settings.ACCEL_PREFIX}{blob_path(chunk)}"
    return answer


def _to_bucket(chunk: Checksum) -> HttpResponse:
    url = blob_store().signed_url(chunk, valid_for=_VALID_FOR)
    if url is None:
        raise StorageUnavailable
    answer = HttpResponse(status=HTTPStatus.FOUND)
    answer["Location"] = url
    answer["Cache-Control"] = "no-store"
    return answer


_BLOCK_BYTES = 128 * 1024
"""Larger ones leave the processor's caches before they are sent: docs/benchmarks.md."""
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})").fullmatch
_WITH_THE_FILE = {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}


@dataclass(frozen=True, slots=True)
class _Span:
    """The bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    def after(self, offset: int) -> "_Span":
        """Return the same bytes, counted from `offset` bytes earlier."""
        return _Span(offset + self.start, offset + self.stop)


def serve(
    request: HttpRequest,
    content: FileContent,
    *,
    filename: str,
    section: Section | None = None,
) -> HttpResponseBase:
    """Answer with the bytes of `content`, or a section of it.

    They are streamed chunk after chunk, or handed over as `handing` has it. Answers
    `HEAD`, a `GET` of a single `Range` (206, or 416 where there are no such bytes; any
    other form of range is ignored, as RFC 9110 14.2 allows), `If-None-Match` and
    `If-Range`. The ETag is the file's SHA-1, so it is strong and the same everywhere;
    where the bytes are compressed on their way it is weak.

    Raises:
        BlobMissing: the bytes are gone.
        StorageUnavailable: the disk or bucket did not answer.
    """
    origin = Section(0, content.size_bytes) if section is None else section
    part = "" if section is None else f"-{section.start}-{section.size_bytes}"
    tag = f'"{content.checksum}{part}"'
    is_handed = section is None and can_offload(request, content)
    coding = None if is_handed else _coding(request, content, origin)
    if _is_known(request, tag):
        answer: HttpResponseBase = HttpResponse(status=HTTPStatus.NOT_MODIFIED)
    elif is_handed:
        answer = offload(content)
    elif coding is not None:
        answer = _compressed(request, content, origin, coding)
    else:
        answer = _streamed(request, content, origin, tag)
    if answer.status_code in _WITH_THE_FILE:
        answer["Content-Disposition"] = _disposition(filename)
    answer["ETag"] = f"W/{tag}" if coding else tag
    answer["Accept-Ranges"] = "bytes"
    if not is_handed and compression.is_compressible_size(origin.size_bytes):
        answer["Vary"] = "Accept-Encoding"
    return answer


def read_range(content: FileContent, start: int, size_bytes: int) -> bytes:
    """Return so many bytes of `content` from `start` on, or fewer where it ends.

    Raises:
        BlobMissing: the bytes are gone.
        StorageUnavailable: the disk or bucket did not answer.
    """
    return b"".join(_bytes_of(content, _Span(start, start + size_bytes)))


def _coding(
    request: HttpRequest, content: FileContent, origin: Section
) -> Coding | None:
    """Return how to compress, if at all; what lies in the middle stands for the rest."""
    if not compression.is_compressible_size(origin.size_bytes):
        return None
    middle = origin.start + origin.size_bytes // 2
    return compression.choose_coding(
        request, lambda: read_range(content, middle, compression.SAMPLE_BYTES)
    )


def _compressed(
    request: HttpRequest, content: FileContent, origin: Section, coding: Coding
) -> HttpResponseBase:
    """Answer with all of it, compressed; nobody knows yet how long that will be."""
    blocks = _bytes_of(content, _Span(0, origin.size_bytes).after(origin.start))
    answer = _body(request, compression.compress(blocks, coding))
    answer["Content-Encoding"] = coding.value
    return answer


def _streamed(
    request: HttpRequest, content: FileContent, origin: Section, tag: str
) -> HttpResponseBase:
    """Answer with all of it, or the part that is asked for."""
    span, is_part = _asked_for(request, origin.size_bytes, tag)
    if span is None:
        refusal = HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        refusal["Content-Range"] = f"bytes */{origin.size_bytes}"
        return refusal
    answer = _body(request, _bytes_of(content, span.after(origin.start)))
    answer["Content-Length"] = str(span.stop - span.start)
    if is_part:
        answer.status_code = HTTPStatus.PARTIAL_CONTENT
        answer["Content-Range"] = (
            f"bytes {span.start}-{span.stop - 1}/{origin.size_bytes}"
        )
    return answer


def _disposition(filename: str) -> str:
    return (
        content_disposition_header(as_attachment=True, filename=filename)
        or "attachment"
    )


def _is_known(request: HttpRequest, tag: str) -> bool:
    """Say whether the client has it, compressed or not."""
    known = [
        one.removeprefix("W/")
        for one in parse_etags(request.headers.get("If-None-Match", ""))
    ]
    return tag in known or "*" in known


def _asked_for(
    request: HttpRequest, size_bytes: int, etag: str
) -> tuple[_Span | None, bool]:
    """Return the span to send, None if there is no such one; and if it is a part."""
    whole = _Span(0, size_bytes)
    match = _RANGE(request.headers.get("Range", "").strip())
    is_meant = request.method == "GET" and request.headers.get("If-Range", etag) == etag
    if match is None or not is_meant:
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
    return StreamingHttpResponse(_begun(blocks), content_type=kind)


def _begun(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Read the first block now: bytes that are gone are not announced as a file."""
    first = next(blocks, b"")
    return chain((first,), blocks)


def _bytes_of(content: FileContent, span: _Span) -> Iterator[bytes]:
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
