"""Compresses downloads if the client accepts it and it saves time: docs/benchmarks.md."""

import ipaddress
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from isal import isal_zlib

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
    if settings.DOWNLOAD_COMPRESSION == "auto" and is_private_client(request):
        return None
    part = sample()
    size_bytes = len(zstd.compress(part, _FASTEST_LEVEL))
    return coding if size_bytes <= _MAX_RATIO * len(part) else None


def compress(blocks: Iterator[bytes], coding: Coding) -> Iterator[bytes]:
    """Compress `blocks` as they come."""
    compressor: Any = (
        zstd.ZstdCompressor(_FASTEST_LEVEL)
        if coding is Coding.ZSTD
        else isal_zlib.compressobj(_FASTEST_LEVEL, wbits=_GZIP_WINDOW)
    )
    for block in blocks:
        if ready := compressor.compress(block):
            yield ready
    yield compressor.flush()


def is_private_client(request: HttpRequest) -> bool:
    """Return whether a client and its proxies are on loopback or private networks.

    `X-Forwarded-For` is trusted for nothing else than compression: a client that forges
    it slows down only itself.
    """
    address = request.META.get("REMOTE_ADDR", "")
    return is_private(address, request.headers.get("X-Forwarded-For", ""))


@lru_cache(4096)
def is_private(address: str, forwarded_for: str) -> bool:
    """Return the same for the client's address and the header."""
    hops = [address, *forwarded_for.split(",")]
    return all(_is_private(hop.strip()) for hop in hops if hop.strip())


def _is_private(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False


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
    name, has_weight, weight = "".join(element.split()).partition(";q=")
    try:
        return name, float(weight) if has_weight else 1
    except ValueError:
        return name, 0
