"""Streams the chunks of a multipart request into the store, part by part.

Undoes the compression of a chunk on its way in, without believing its size.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, cast, override

from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest
from isal import igzip_lib

from symdepot.blobs.store import BlobStore, BlobWriter
from symdepot.domain.errors import (
    ChecksumMismatch,
    ChunkTooLarge,
    InvalidRequest,
    RequestTooLarge,
    SymdepotError,
    TooManyChunks,
    UnreadableEncoding,
)
from symdepot.domain.ids import Checksum

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_OUTPUT_BYTES = 256 * 1024
_UNREADABLE: tuple[type[Exception], ...] = (
    zstd.ZstdError,
    cast("type[Exception]", igzip_lib.error),
    EOFError,
)


class Encoding(StrEnum):
    """How the bytes of a part are encoded."""

    GZIP = "gzip"
    ZSTD = "zstd"

    @classmethod
    def named(cls, header: str) -> "Encoding":
        """Return what a `Content-Encoding` header means for the parts of a request.

        Raises:
            InvalidRequest: it is no encoding that is taken.

        Source: spec/sentry-server 1.3.
        """
        try:
            return cls(header.strip().lower())
        except ValueError:
            raise InvalidRequest("Unsupported Content-Encoding") from None


class _Stream(Protocol):
    """One member of a gzip stream or one frame of a zstd stream."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class Decoder:
    """Passes decoded bytes on in small pieces, so that a bomb is seen while it ticks.

    A stream of several members or frames is decoded as one.
    """

    def __init__(self, encoding: Encoding, sink: Callable[[bytes], object]) -> None:
        self._encoding = encoding
        self._sink = sink
        self._stream: _Stream = _opened(encoding)
        self._is_between_members = False

    def write(self, data: bytes) -> None:
        """Decode `data` into the sink.

        Raises:
            UnreadableEncoding: it is not of this encoding.
        """
        while data:
            if self._is_between_members:
                self._stream = _opened(self._encoding)
                self._is_between_members = False
            data = self._decode(data)

    def close(self) -> None:
        """Check that the stream came to its end.

        Raises:
            UnreadableEncoding: it broke off.
        """
        if not self._is_between_members:
            raise UnreadableEncoding(self._encoding)

    def _decode(self, data: bytes) -> bytes:
        """Decode up to the end of `data` or of the member; return what is left."""
        while True:
            try:
                decoded = self._stream.decompress(data, _OUTPUT_BYTES)
            except _UNREADABLE as error:
                raise UnreadableEncoding(self._encoding) from error
            self._sink(decoded)
            if self._stream.eof:
                self._is_between_members = True
                return self._stream.unused_data
            if self._stream.needs_input:
                return b""
            data = b""


def _opened(encoding: Encoding) -> _Stream:
    match encoding:
        case Encoding.ZSTD:
            return cast("_Stream", zstd.ZstdDecompressor())
        case Encoding.GZIP:
            gzip = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
            return cast("_Stream", gzip)


_RAW_FIELD = "file"
_GZIP_FIELD = "file_gzip"
_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """How much one request may bring; all but `chunks` in decoded bytes."""

    chunk_bytes: int
    request_bytes: int
    chunks: int


@dataclass(slots=True)
class _Part:
    """A chunk on its way in."""

    checksum: Checksum
    writer: BlobWriter
    decoder: Decoder | None
    size_bytes: int = field(default=0)


class ChunkUploadHandler(FileUploadHandler):
    """Keeps each good part as a chunk; remembers the first thing that was refused.

    After a refusal the rest of the request is read and dropped, so that the client
    gets to hear the answer. What was kept before it stays kept.
    """

    chunk_size = _READ_BYTES

    def __init__(
        self,
        request: HttpRequest,
        store: BlobStore,
        limits: RequestLimits,
        encoding: Encoding | None,
    ) -> None:
        super().__init__(request)
        self.kept: dict[Checksum, int] = {}
        self.refusal: SymdepotError | None = None
        self._store = store
        self._limits = limits
        self._encoding = encoding
        self._part: _Part | None = None
        self._parts = 0
        self._request_bytes = 0

    @override
    def new_file(self, field_name: str, file_name: str, *args: object) -> None:
        """Begin a part. See `FileUploadHandler.new_file`."""
        self._guard(lambda: self._begin(field_name, file_name))

    @override
    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Take bytes of the part. See `FileUploadHandler.receive_data_chunk`."""
        part = self._part
        if part is not None:
            take = part.decoder.write if part.decoder else self._take
            self._guard(lambda: take(raw_data))

    @override
    def file_complete(self, file_size: int) -> None:
        """End the part. See `FileUploadHandler.file_complete`."""
        if self._part is not None:
            self._guard(self._end)

    @override
    def upload_interrupted(self) -> None:
        """Refuse the part that was cut short."""
        self._guard(self._break_off)

    def _guard(self, step: Callable[[], object]) -> None:
        if self.refusal is None:
            try:
                step()
            except SymdepotError as refusal:
                self.refusal = refusal
                self._drop()

    def _begin(self, field_name: str, file_name: str) -> None:
        self._parts += 1
        if self._parts > self._limits.chunks:
            raise TooManyChunks(self._limits.chunks)
        encoding = self._encoding_of(field_name)
        try:
            checksum = Checksum(file_name)
        except ValueError:
            raise InvalidRequest("Checksum mismatch") from None
        self._part = _Part(
            checksum=checksum,
            writer=self._store.receive(checksum),
            decoder=Decoder(encoding, self._take) if encoding else None,
        )

    def _encoding_of(self, field_name: str) -> Encoding | None:
        if field_name != _GZIP_FIELD:
            return self._encoding if field_name == _RAW_FIELD else None
        if self._encoding is not None:
            raise InvalidRequest("Cannot combine Content-Encoding with file_gzip field")
        return Encoding.GZIP

    def _take(self, data: bytes) -> None:
        part = self._part
        if part is None:
            return
        part.size_bytes += len(data)
        self._request_bytes += len(data)
        if part.size_bytes > self._limits.chunk_bytes:
            raise ChunkTooLarge(self._limits.chunk_bytes)
        if self._request_bytes > self._limits.request_bytes:
            raise RequestTooLarge(self._limits.request_bytes)
        part.writer.write(data)

    def _end(self) -> None:
        part = self._part
        if part is None:
            return
        if part.decoder is not None:
            part.decoder.close()
        try:
            self.kept[part.checksum] = part.writer.commit()
        except ChecksumMismatch:
            raise InvalidRequest("Checksum mismatch") from None
        self._part = None

    def _break_off(self) -> None:
        raise InvalidRequest("Incomplete multipart body")

    def _drop(self) -> None:
        if self._part is not None:
            self._part.writer.discard()
            self._part = None
