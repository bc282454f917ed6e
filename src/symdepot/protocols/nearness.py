"""Tells clients of the own network from those who are farther away."""

import ipaddress

from django.http import HttpRequest


def is_near(request: HttpRequest) -> bool:
    """Say whether a client is on loopback or a private network, proxies included.

    Compressing takes longer there than it saves. A proxy says in `X-Forwarded-For`
    for whom it speaks; the header is not trusted with anything else, and whoever
    forges it slows down nobody but itself.
    """
    forwarded = request.headers.get("X-Forwarded-For", "")
    hops = [request.META.get("REMOTE_ADDR", ""), *forwarded.split(",")]
    return all(_is_private(hop.strip()) for hop in hops if hop.strip())


def _is_private(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False
