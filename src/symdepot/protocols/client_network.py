"""Tells clients of the own network from those who are farther away."""

import ipaddress
from functools import lru_cache

from django.http import HttpRequest


def is_private_client(request: HttpRequest) -> bool:
    """Say whether a client is on loopback or a private network, proxies included.

    Compressing takes longer there than it saves. A proxy says in `X-Forwarded-For`
    for whom it speaks; the header is not trusted with anything else, and whoever
    forges it slows down nobody but itself.
    """
    address = request.META.get("REMOTE_ADDR", "")
    return is_private(address, request.headers.get("X-Forwarded-For", ""))


@lru_cache(4096)
def is_private(address: str, forwarded_for: str) -> bool:
    """Say the same of who asks, and of those for whom that one speaks."""
    hops = [address, *forwarded_for.split(",")]
    return all(_is_private(hop.strip()) for hop in hops if hop.strip())


def _is_private(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False
