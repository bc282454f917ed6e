"""Compresses downloads if the client accepts it and it saves time: docs/benchmarks.md."""

import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Protocol, cast

from django.conf import settings
from django.http import HttpRequest
from isal import isal_zlib

from symdepot.protocols import client_network

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SAMPLE_BYTES = 64 * 1024
"""The sample of a file that decides whether to compress it."""

# Smaller files need one round trip anyway. Source: RFC 6928, 10 segments.
_MIN_BYTES = 16 * 1024
_MAX_RATIO = 0.8
_FASTEST_LEVEL = 1
_GZIP_WINDOW = 31
"""Source: zlib's manual, `deflateInit2`: 15 bits, and 16 for a header of gzip."""


class Coding(StrEnum):
    """Content codings, the better one first."""

    ZSTD = "zstd"
    GZIP = "gzip"


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def is_compressible_size(size_bytes: int) -> bool:
    """Return whether files of this size are compressed at all."""
    return settings.DOWNLOAD_COMPRESSION != "none" and size_bytes >= _MIN_BYTES


def choose_coding(request: HttpRequest, sample: Callable[[], bytes]) -> Coding | None:
    """Return the coding for this client; None is no compression.

    Ranges are never compressed. `sample` reads a part of the file, since debug
    information may be compressed already; it is called last.
    """
    coding = _preferred(request.headers.get("Accept-Encoding", ""))
    if coding is None or "Range" in request.headers:
        return None
    if settings.DOWNLOAD_COMPRESSION == "auto" and client_network.is_private_client(
        request
    ):
        return None
    part = sample()
    return coding if len(_compressed(part)) <= _MAX_RATIO * len(part) else None


def compress(blocks: Iterator[bytes], coding: Coding) -> Iterator[bytes]:
    """Compress `blocks` as they come."""
    compressor = _COMPRESSORS[coding]()
    for block in blocks:
        if ready := compressor.compress(block):
            yield ready
    yield compressor.flush()


def _preferred(accepted: str) -> Coding | None:
    """Return the coding with the highest weight; None if the client names none.

    Source: RFC 9110 12.5.3.
    """
    weights = dict(_parse_weight(element) for element in accepted.lower().split(","))
    accepted_codings = [one for one in Coding if weights.get(one, 0) > 0]
    best = max(accepted_codings, key=lambda one: weights[one], default=None)
    if best is None or weights.get("identity", 0) > weights[best]:
        return None
    return best


def _parse_weight(element: str) -> tuple[str, float]:
    name, has_weight, weight = (
        element.replace(" ", "").replace("\t", "").partition(";q=")
    )
    try:
        return name, float(weight) if has_weight else 1
    except ValueError:
        return name, 0


def _compressed(data: bytes) -> bytes:
    return zstd.compress(data, _FASTEST_LEVEL)


def _zstd() -> _Compressor:
    return cast("_Compressor", zstd.ZstdCompressor(_FASTEST_LEVEL))


def _gzip() -> _Compressor:
    compressor = isal_zlib.compressobj(_FASTEST_LEVEL, wbits=_GZIP_WINDOW)
    return cast("_Compressor", compressor)


_COMPRESSORS: dict[Coding, Callable[[], _Compressor]] = {
    Coding.ZSTD: _zstd,
    Coding.GZIP: _gzip,
}
