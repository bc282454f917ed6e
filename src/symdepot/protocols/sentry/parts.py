"""Streams the chunks of a multipart request into the store, part by part."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import override

from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest

from symdepot.blobs.store import BlobStore, BlobWriter
from symdepot.domain.errors import (
    ChecksumMismatch,
    ChunkTooLarge,
    InvalidRequest,
    RequestTooLarge,
    SymdepotError,
    TooManyChunks,
)
from symdepot.domain.ids import Checksum
from symdepot.protocols.sentry.encodings import Decoder, Encoding

_RAW_FIELD = "file"
_GZIP_FIELD = "file_gzip"
_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
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


class ChunkParts(FileUploadHandler):
    """Keeps each good part as a chunk; remembers the first thing that was refused.

    After a refusal the rest of the request is read and dropped, so that the client
    gets to hear the answer. What was kept before it stays kept.
    """

    chunk_size = _READ_BYTES

    def __init__(
        self,
        request: HttpRequest,
        store: BlobStore,
        limits: Limits,
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
            self.kept[part.checksum] = part.writer.keep()
        except ChecksumMismatch:
            raise InvalidRequest("Checksum mismatch") from None
        self._part = None

    def _break_off(self) -> None:
        raise InvalidRequest("Incomplete multipart body")

    def _drop(self) -> None:
        if self._part is not None:
            self._part.writer.discard()
            self._part = None
