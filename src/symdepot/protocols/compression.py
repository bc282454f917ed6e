"""Compresses what is sent, for those who ask for it and where it is a gain.

What that rests on is measured in `docs/benchmarks.md`.
"""

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
"""How much of a file tells whether it can be compressed."""

# What is smaller comes in one round trip as it is. Source: RFC 6928, 10 segments.
_LEAST_BYTES = 16 * 1024
_WORTH_IT = 0.8
_FASTEST = 1
_GZIP_WINDOW = 31
"""Source: zlib's manual, `deflateInit2`: 15 bits, and 16 for a header of gzip."""


class Coding(StrEnum):
    """How a body can be compressed, the better way first."""

    ZSTD = "zstd"
    GZIP = "gzip"


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def is_compressible_size(size_bytes: int) -> bool:
    """Say whether so much is compressed for anybody."""
    return settings.DOWNLOAD_COMPRESSION != "none" and size_bytes >= _LEAST_BYTES


def choose_coding(request: HttpRequest, sample: Callable[[], bytes]) -> Coding | None:
    """Return how to compress for this client; None is not at all.

    Who asks for a range counts bytes of the file itself. `sample` is asked for last,
    and brings a part of the file: debug information may be compressed already.
    """
    wanted = _preferred(request.headers.get("Accept-Encoding", ""))
    if wanted is None or "Range" in request.headers:
        return None
    if settings.DOWNLOAD_COMPRESSION == "auto" and client_network.is_private_client(
        request
    ):
        return None
    part = sample()
    return wanted if len(_compressed(part)) <= _WORTH_IT * len(part) else None


def compress(blocks: Iterator[bytes], how: Coding) -> Iterator[bytes]:
    """Compress `blocks` as they come."""
    compressor = _COMPRESSORS[how]()
    for block in blocks:
        if ready := compressor.compress(block):
            yield ready
    yield compressor.flush()


def _preferred(accepted: str) -> Coding | None:
    """Return what a client likes best; no coding, where it does not name one.

    Source: RFC 9110 12.5.3.
    """
    weights = dict(_weighed(element) for element in accepted.lower().split(","))
    taken = [one for one in Coding if weights.get(one, 0) > 0]
    best = max(taken, key=lambda one: weights[one], default=None)
    if best is None or weights.get("identity", 0) > weights[best]:
        return None
    return best


def _weighed(element: str) -> tuple[str, float]:
    name, asks, weight = element.replace(" ", "").replace("\t", "").partition(";q=")
    try:
        return name, float(weight) if asks else 1
    except ValueError:
        return name, 0


def _compressed(data: bytes) -> bytes:
    return zstd.compress(data, _FASTEST)


def _zstd() -> _Compressor:
    return cast("_Compressor", zstd.ZstdCompressor(_FASTEST))


def _gzip() -> _Compressor:
    made = isal_zlib.compressobj(_FASTEST, wbits=_GZIP_WINDOW)
    return cast("_Compressor", made)


_COMPRESSORS: dict[Coding, Callable[[], _Compressor]] = {
    Coding.ZSTD: _zstd,
    Coding.GZIP: _gzip,
}
