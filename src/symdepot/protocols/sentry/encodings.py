"""Undoes the compression of a chunk on its way in, without believing its size."""

import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, cast

from isal import igzip_lib

from symdepot.domain.errors import InvalidRequest, UnreadableEncoding

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
