"""Tells clients on a private network from others."""

import ipaddress
from functools import lru_cache

from django.http import HttpRequest


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
