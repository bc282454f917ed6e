"""Reads the body of a request, within limits.

Django reads as many bytes as `Content-Length` says. A body without one, in chunks (RFC 9112
7.1), is empty for it. `BodyRequest` reads such a body to its end, and every endpoint limits
what it reads.

The server reports a connection or a chunk that breaks in such a body as its end. So a
multipart body is complete only with its last boundary; truncated JSON is invalid in itself.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.core.handlers.wsgi import LimitedStream, WSGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.datastructures import MultiValueDict

from symdepot.domain.errors import BodyTooLarge, InvalidRequest, SymdepotError

_BLOCK_BYTES = 256 * 1024
_TAIL_BYTES = 1024
"""More than the last boundary, whose length Django limits to 201 bytes, and an epilogue."""
_LENGTH = re.compile(r"[0-9]{1,4000}").fullmatch
_MALFORMED = (MultiPartParserError, SuspiciousOperation)
_MAX_JSON_PARTS = 2_000_000
"""Commas, lists or objects: twice as many as 100,000 frames have. JSON takes 100 times the
memory when parsed."""


class BodyRequest(WSGIRequest):
    """A request whose body may have no `Content-Length`."""

    def __init__(self, environ: dict[str, Any]) -> None:
        if "HTTP_TRANSFER_ENCODING" in environ:
            # RFC 9112 6.3: it overrides the length.
            environ.pop("CONTENT_LENGTH", None)
        super().__init__(environ)
        if _has_unknown_length(environ):
            stream = LimitedStream(environ["wsgi.input"], sys.maxsize)
            self._stream = cast("BinaryIO", stream)


def content_length(request: HttpRequest) -> int | None:
    """Return the length of the body in bytes; None if it is known at its end only.

    Raises:
        InvalidRequest: `Content-Length` is not a number.
    """
    if _has_unknown_length(request.META):
        return None
    text = request.META.get("CONTENT_LENGTH") or "0"
    if not _LENGTH(text):
        raise InvalidRequest("Content-Length is not a number")
    return int(text)


def read_json(request: HttpRequest, *, limit_bytes: int | None = None) -> bytes:
    """Return the JSON in the body of `request` as UTF-8, which is not parsed.

    A byte order mark is removed; UTF-16 and UTF-32 are decoded. The body has at most `limit_bytes` and `SYMDEPOT_MAX_ASSEMBLE_BODY`.

    Raises:
        BodyTooLarge: larger than the limit.
        InvalidRequest: incomplete, or of too many values.
    """
    body = _as_utf8(_read_body(request, limit_bytes))
    if len(body) > _MAX_JSON_PARTS < max(map(body.count, (b",", b"[", b"{"))):
        raise InvalidRequest(f"The body may have {_MAX_JSON_PARTS} parts.")
    return body


def discard_body(request: HttpRequest, *, limit_bytes: int) -> None:
    """Read the body to its end, or up to the limit.

    Clients read a response only when they have sent everything.
    """
    read_bytes = 0
    try:
        while read_bytes <= limit_bytes and (block := request.read(_BLOCK_BYTES)):
            read_bytes += len(block)
    except UnreadablePostError:
        return


def parse_multipart(
    request: HttpRequest,
    handlers: Sequence[FileUploadHandler],
    *,
    limit_bytes: int,
    too_large: SymdepotError,
) -> MultiValueDict[str, UploadedFile[Any]]:
    """Pass the files of a multipart body to `handlers`; return the files they return.

    Raises:
        InvalidRequest: the body is malformed or incomplete.
        SymdepotError: `too_large`, if it has more than `limit_bytes`.
    """
    length = content_length(request)
    if length is not None and length > limit_bytes:
        raise too_large
    stream = _MultipartStream(request, limit_bytes, too_large)
    # Django takes a body of length 0 for empty.
    known = limit_bytes if length is None else length
    meta = {**request.META, "CONTENT_LENGTH": str(known)}
    try:
        body = cast("Any", stream)
        parser = MultiPartParser(meta, body, list(handlers), request.encoding)
        _, files = parser.parse()
    except _MALFORMED as error:
        discard_body(request, limit_bytes=limit_bytes)
        raise InvalidRequest("Invalid multipart body") from error
    except UnreadablePostError as error:
        raise InvalidRequest("Incomplete multipart body") from error
    if not stream.is_complete(length):
        raise InvalidRequest("Incomplete multipart body")
    return files


def _as_utf8(body: bytes) -> bytes:
    """Return JSON as UTF-8; unchanged if it is not what its first bytes suggest.

    Source: RFC 4627, section 3.
    """
    encoding = json.detect_encoding(body)
    if encoding == "utf-8":
        return body
    try:
        return body.decode(encoding).encode()
    except UnicodeError:
        return body


def _read_body(request: HttpRequest, limit_bytes: int | None) -> bytes:
    maximum = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    limit_bytes = min(limit_bytes or maximum, maximum)
    length = content_length(request)
    if length is not None and length > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    close_old_connections()  # a slow client must not occupy one while it sends
    try:
        if length is not None:
            return request.body
        body = request.read(limit_bytes + 1)
    except UnreadablePostError as error:
        raise InvalidRequest("Incomplete body") from error
    if len(body) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    return body


class _MultipartStream:
    """Counts the bytes of a body: Django's parser takes a truncated one for complete.

    It has no lines, which Django would read byte by byte to reach the end.
    """

    def __init__(
        self, request: HttpRequest, limit_bytes: int, too_large: SymdepotError
    ) -> None:
        self._request = request
        self._limit_bytes = limit_bytes
        self._too_large = too_large
        self._read_bytes = 0
        self._tail = b""

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._request.read(size)
        self._read_bytes += len(data)
        if self._read_bytes > self._limit_bytes:
            raise self._too_large
        self._tail = (self._tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        return data

    def is_complete(self, length: int | None) -> bool:
        """Return whether all bytes came; without a length, the last boundary."""
        if length is not None:
            return self._read_bytes >= length
        boundary = (self._request.content_params or {}).get("boundary", "")
        return f"--{boundary}--".encode() in self._tail


def _has_unknown_length(meta: Mapping[str, Any]) -> bool:
    return not meta.get("CONTENT_LENGTH") and "HTTP_TRANSFER_ENCODING" in meta
