"""The body of a chunk upload: multipart, each part a chunk, perhaps compressed.

The body is never in memory as a whole. Django's parser reads it in blocks; the bytes of a
part go through a decoder, which limits its output to small pieces, into a blob writer,
which verifies the checksum. Each part is stored or refused on its own. After the first
refusal the rest of the request is read without parsing and dropped, since a client reads
the response only when it has sent everything.

Source: spec/sentry-server 1.3.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import cast, override

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
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
from symdepot.protocols import error_responses, request_body

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_RAW_FIELD = "file"
_GZIP_FIELD = "file_gzip"
_BLOCK_BYTES = 256 * 1024
_MULTIPART_OVERHEAD_BYTES = 1024 * 1024
_MAX_MEMBERS = 1024
"""Members or frames of a part. Each costs some 10 µs; `bgzip` makes 512 of 32 MiB."""
_DECODED_BYTES_PER_SECOND = 32 << 20
_DECODING_ERRORS: tuple[type[Exception], ...] = (
    zstd.ZstdError,
    cast("type[Exception]", igzip_lib.error),
    EOFError,
)


class Encoding(StrEnum):
    """The compression of a part."""

    GZIP = "gzip"
    ZSTD = "zstd"

    @classmethod
    def from_header(cls, header: str) -> "Encoding":
        """Read a `Content-Encoding` header, which is about the parts of a request.

        Raises:
            InvalidRequest: the encoding is not supported.
        """
        try:
            return cls(header.strip().lower())
        except ValueError:
            raise InvalidRequest("Unsupported Content-Encoding") from None


# Decompressors of one zstd frame or one gzip member; the two have the same interface.
_NEW_STREAM: dict[Encoding, Callable[[], zstd.ZstdDecompressor]] = {
    Encoding.ZSTD: zstd.ZstdDecompressor,
    Encoding.GZIP: lambda: cast(
        "zstd.ZstdDecompressor",
        igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP),
    ),
}


class Decoder:
    """Decodes into a sink, at most 256 KiB at a time, so that bombs are found early.

    Several members or frames are decoded as one stream.
    """

    def __init__(self, encoding: Encoding, sink: Callable[[bytes], object]) -> None:
        self._encoding = encoding
        self._sink = sink
        self._new_stream = _NEW_STREAM[encoding]
        self._stream = self._new_stream()
        self._is_between_members = False
        self._members = 1

    def write(self, data: bytes) -> None:
        """Decode `data` into the sink.

        Raises:
            UnreadableEncoding: the data is not of this encoding.
            InvalidRequest: it has too many members.
        """
        while data:
            if self._is_between_members:
                self._members += 1
                if self._members > _MAX_MEMBERS:
                    raise InvalidRequest(
                        f"A chunk may have {_MAX_MEMBERS} members of {self._encoding}."
                    )
                self._stream = self._new_stream()
                self._is_between_members = False
            data = self._decode(data)

    def close(self) -> None:
        """Check that the stream is complete.

        Raises:
            UnreadableEncoding: it is truncated.
        """
        if not self._is_between_members:
            raise UnreadableEncoding(self._encoding)

    def _decode(self, data: bytes) -> bytes:
        """Decode `data` up to the end of the member; return the bytes behind that."""
        while True:
            try:
                decoded = self._stream.decompress(data, _BLOCK_BYTES)
            except _DECODING_ERRORS as error:
                raise UnreadableEncoding(self._encoding) from error
            self._sink(decoded)
            if self._stream.eof:
                self._is_between_members = True
                return self._stream.unused_data
            if self._stream.needs_input:
                return b""
            data = b""


@dataclass(slots=True)
class _Part:
    checksum: Checksum
    writer: BlobWriter
    decoder: Decoder | None
    size_bytes: int = 0


class ChunkBody(FileUploadHandler):
    """Reads the body of `request` and stores its chunks.

    Afterwards `stored` has the sizes of the chunks in bytes, and `refusal` is the error of
    the first part that was refused, if any. `encoding` is that of the field `file`.
    """

    chunk_size = _BLOCK_BYTES

    def __init__(
        self, request: HttpRequest, store: BlobStore, encoding: Encoding | None
    ) -> None:
        super().__init__(request)
        self.stored: dict[Checksum, int] = {}
        self.refusal: SymdepotError | None = None
        self._request = request
        self._store = store
        self._encoding = encoding
        self._part: _Part | None = None
        self._parts = 0
        self._decoded_bytes = 0
        self._decoding_seconds = 0.0

    def receive(self) -> None:
        """Read the body to its end. Parts stored before an error stay in `stored`.

        A form without files is accepted. Source: spec/sentry-server 1.3.

        Raises:
            InvalidRequest: the body is missing, malformed or truncated.
            RequestTooLarge: it has too many bytes.
        """
        request, limit_bytes = self._request, max_body_bytes()
        if request.content_type != "multipart/form-data":
            request_body.discard_body(request, limit_bytes=limit_bytes)
            raise InvalidRequest("The body is not a multipart form.")
        if request_body.content_length(request) == 0:
            raise InvalidRequest("The request has no body.")
        request_body.parse_multipart(
            request,
            [self],
            limit_bytes=limit_bytes,
            too_large=RequestTooLarge(max_request_bytes()),
        )

    @override
    def new_file(self, field_name: str, file_name: str, *args: object) -> None:
        """Begin a part."""
        self._or_stop(lambda: self._begin(field_name, file_name))

    @override
    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write to the part."""
        if part := self._part:
            write = self._decode if part.decoder else self._write
            self._or_stop(lambda: write(raw_data))

    @override
    def file_complete(self, file_size: int) -> None:
        """End the part."""
        if self._part:
            self._or_stop(self._end)

    @override
    def upload_interrupted(self) -> None:
        """Drop the part that was refused or truncated."""
        if self.refusal is None:
            self.refusal = InvalidRequest("Incomplete multipart body")
        self._discard_part()

    def _or_stop(self, step: Callable[[], object]) -> None:
        """Stop parsing if the part is refused."""
        try:
            step()
        except SymdepotError as refusal:
            # Its traceback, and that of its cause, refer to this object.
            error_responses.release_frames(refusal)
            self.refusal = refusal
            self._discard_part()
            raise StopUpload(connection_reset=False) from None

    def _discard_part(self) -> None:
        if self._part:
            self._part.writer.discard()
            self._part = None

    def _begin(self, field_name: str, file_name: str) -> None:
        self._parts += 1
        if self._parts > settings.CHUNKS_PER_REQUEST:
            raise TooManyChunks(settings.CHUNKS_PER_REQUEST)
        encoding = self._field_encoding(field_name)
        try:
            checksum = Checksum(file_name)
        except ValueError:
            raise InvalidRequest("Checksum mismatch") from None
        decoder = Decoder(encoding, self._write) if encoding else None
        self._part = _Part(checksum, self._store.receive(checksum), decoder)

    def _field_encoding(self, field_name: str) -> Encoding | None:
        if field_name != _GZIP_FIELD:
            return self._encoding if field_name == _RAW_FIELD else None
        if self._encoding is not None:
            raise InvalidRequest("Cannot combine Content-Encoding with file_gzip field")
        return Encoding.GZIP

    def _decode(self, data: bytes) -> None:
        part = self._part
        if part is None or part.decoder is None:
            return
        started_at = time.thread_time()
        part.decoder.write(data)
        self._decoding_seconds += time.thread_time() - started_at
        if self._decoding_seconds > _max_decoding_seconds():
            raise InvalidRequest("Decompressing the chunks takes too long.")

    def _write(self, data: bytes) -> None:
        part = self._part
        if part is None:
            return
        part.size_bytes += len(data)
        self._decoded_bytes += len(data)
        if part.size_bytes > settings.CHUNK_SIZE:
            raise ChunkTooLarge(settings.CHUNK_SIZE)
        if self._decoded_bytes > max_request_bytes():
            raise RequestTooLarge(max_request_bytes())
        part.writer.write(data)

    def _end(self) -> None:
        part = self._part
        if part is None:
            return
        if part.decoder is not None:
            part.decoder.close()
        try:
            self.stored[part.checksum] = part.writer.commit()
        except ChecksumMismatch:
            raise InvalidRequest("Checksum mismatch") from None
        self._part = None


def max_request_bytes() -> int:
    """Return how many decoded bytes of chunks a request may have."""
    return max(settings.MAX_REQUEST_SIZE, settings.CHUNK_SIZE)


def max_body_bytes() -> int:
    """Return how many bytes the body of a request may have."""
    return max_request_bytes() + _MULTIPART_OVERHEAD_BYTES


def _max_decoding_seconds() -> float:
    """Return how much processor time the compressed chunks of a request may take.

    Ten times what honest ones take. Blocks that decode to nothing, and each have tables,
    take fifty times as long.
    """
    return 0.1 + max_request_bytes() / _DECODED_BYTES_PER_SECOND
