"""Posts once to a stranger's URL, and lets it do no harm.

Where a host name leads is said by who owns it, not by who typed it here. So it must not
reach what only this machine can reach, must not keep us waiting, and must not make us
read what we did not ask for: docs/decisions/0008-webhooks.md.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
_MOST_ADDRESSES = 4
_NAT64 = IPv6Network("64:ff9b::/96")
"""Behind these stand addresses of IPv4. Source: RFC 6052."""

type _Address = tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]


class _NotSent(Exception):
    """It was not even tried, or broken off; the text says why. Never leaves here."""


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool
) -> str | None:
    """Post `body`; return None if it was taken, and otherwise why not, in a sentence.

    Takes at most `TOTAL_SECONDS`, and what the name servers take before. Only a status
    of 2xx is taken; nothing else of the answer is read, and no redirect followed.
    """
    parts = urlsplit(url)
    try:
        status = _status(parts, body, headers, allow_private=allow_private)
    except (_NotSent, HTTPException, OSError) as error:
        return _reason(error)
    match status // 100:
        case 2:
            return None
        case 3:
            return f"It answered {status}, and redirects are not followed."
        case _:
            return f"It answered {status}."


def is_public(address: str) -> bool:
    """Say whether anybody on the internet would reach the same machine there.

    >>> [is_public(a) for a in ("8.8.8.8", "10.0.0.1", "::ffff:127.0.0.1", "fe80::1")]
    [True, False, False, False]
    """
    found = _unwrapped(ip_address(address.partition("%")[0]))
    is_old_private = isinstance(found, IPv6Address) and found.is_site_local
    return found.is_global and not (
        found.is_multicast or found.is_reserved or is_old_private
    )


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the address of IPv4 that one of IPv6 may stand for."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def _reason(error: Exception) -> str:
    match error:
        case _NotSent():
            reason = str(error)
        case TimeoutError():
            reason = "It took too long."
        case ssl.SSLCertVerificationError(verify_message=why):
            reason = f"Its certificate does not hold: {why}."
        case OSError(strerror=why):
            reason = f"It cannot be reached: {why or error}."
        case HTTPException():
            reason = f"It does not speak HTTP: {type(error).__name__}."
        case _:
            reason = repr(error)
    return reason


def _status(
    parts: SplitResult, body: bytes, headers: Mapping[str, str], *, allow_private: bool
) -> int:
    host = parts.hostname or ""
    found = _addresses(host, parts, allow_private=allow_private)
    ends_at = time.monotonic() + TOTAL_SECONDS
    with (
        closing(_connected(found)) as line,
        _cut_at(ends_at, line),
        closing(_speaking(line, parts)) as spoken,
        closing(HTTPConnection(host)) as connection,
    ):
        connection.sock = spoken
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(
            "POST",
            target,
            body,
            {**headers, "Host": parts.netloc, "Connection": "close"},
        )
        with closing(connection.getresponse()) as answer:
            return answer.status


def _addresses(host: str, parts: SplitResult, *, allow_private: bool) -> list[_Address]:
    """Return where `host` is; all of it must be public, or none is good."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise _NotSent(f"The host {host} has no address.") from None
    for *_, address in found:
        if not allow_private and not is_public(str(address[0])):
            raise _NotSent(
                f"The host {host} has the address {address[0]}, which is not public; "
                "SYMDEPOT_WEBHOOK_PRIVATE_ADDRESSES allows such."
            )
    return [(family, address) for family, *_, address in found[:_MOST_ADDRESSES]]


def _connected(addresses: list[_Address]) -> socket.socket:
    """Connect to the first address that answers: to these, not to the name again."""
    failure: OSError = TimeoutError()
    for family, address in addresses:
        line = socket.socket(family, socket.SOCK_STREAM)
        line.settimeout(CONNECT_SECONDS / len(addresses))
        try:
            line.connect(address)
        except OSError as error:
            line.close()
            failure = error
        else:
            line.settimeout(TOTAL_SECONDS)
            return line
    raise failure


def _speaking(line: socket.socket, parts: SplitResult) -> socket.socket:
    """Return what to speak HTTP over: for https, to who proves to be that host."""
    if parts.scheme == "http":
        return line
    context = ssl.create_default_context()
    return context.wrap_socket(line, server_hostname=parts.hostname)


@contextmanager
def _cut_at(ends_at: float, line: socket.socket) -> Iterator[None]:
    """Cut `line` when time is up, whatever is just going on over it.

    The timeout of a socket is begun anew by every byte.
    """
    twin = line.dup()  # TLS takes the other one away
    timer = threading.Timer(ends_at - time.monotonic(), _cut, [twin])
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, HTTPException) as error:
        if time.monotonic() >= ends_at:
            raise TimeoutError from error
        raise
    else:
        # What is cut off within its headers reads as if they had ended there.
        if time.monotonic() >= ends_at:
            raise TimeoutError
    finally:
        timer.cancel()
        twin.close()


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
