"""One POST request to a URL that a user configured.

The owner of the host name decides where it leads. So only public addresses are allowed,
time is limited, and only the status of the response is read:
docs/decisions/0008-webhooks.md.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from urllib.parse import SplitResult

from symdepot.domain import http_urls
from symdepot.pipeline.webhooks.public_addresses import is_public

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
_MAX_ADDRESSES = 4

type _Address = tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]


class _NotSent(Exception):
    """The request was not sent; the text has the reason. Private to this module."""


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool
) -> str | None:
    """Post `body`. Returns None after a status of 2xx, otherwise the error, a sentence.

    Takes at most `TOTAL_SECONDS` after the name lookup. Follows no redirects.
    """
    try:
        parts = _split(url)
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


def _split(url: str) -> SplitResult:
    try:
        return http_urls.split_http_url(url)
    except ValueError as error:
        raise _NotSent(f"Its URL is not valid: {error}.") from None


def _reason(error: Exception) -> str:
    match error:
        case _NotSent():
            reason = str(error)
        case TimeoutError():
            reason = "It took too long."
        case ssl.SSLCertVerificationError(verify_message=message):
            reason = f"Its certificate does not hold: {message}."
        case OSError(strerror=message):
            reason = f"It cannot be reached: {message or error}."
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
    deadline = time.monotonic() + TOTAL_SECONDS
    with (
        closing(_connect(found)) as connected,
        _closed_at(deadline, connected),
        closing(_with_tls(connected, parts)) as transport,
        closing(HTTPConnection(host)) as connection,
    ):
        connection.sock = transport
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        all_headers = {**headers, "Host": parts.netloc, "Connection": "close"}
        connection.request("POST", target, body, all_headers)
        with closing(connection.getresponse()) as response:
            return response.status


def _addresses(host: str, parts: SplitResult, *, allow_private: bool) -> list[_Address]:
    """Look up `host`. If one of its addresses is not public, none is used."""
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
    return [(family, address) for family, *_, address in found[:_MAX_ADDRESSES]]


def _connect(addresses: list[_Address]) -> socket.socket:
    """Connect to the first address that answers. Does not look up the name again."""
    error: OSError = TimeoutError()
    for family, address in addresses:
        connected = socket.socket(family, socket.SOCK_STREAM)
        connected.settimeout(CONNECT_SECONDS / len(addresses))
        try:
            connected.connect(address)
        except OSError as failed:
            connected.close()
            error = failed
        else:
            connected.settimeout(TOTAL_SECONDS)
            return connected
    raise error


def _with_tls(connected: socket.socket, parts: SplitResult) -> socket.socket:
    """Return the socket to use for HTTP. https: checks the host's certificate."""
    if parts.scheme == "http":
        return connected
    context = ssl.create_default_context()
    return context.wrap_socket(connected, server_hostname=parts.hostname)


@contextmanager
def _closed_at(deadline: float, connected: socket.socket) -> Iterator[None]:
    """Shut the socket down at the deadline, also in the middle of a read or write.

    A socket's own timeout starts again with every byte.
    """
    duplicate = connected.dup()  # TLS detaches the original
    timer = threading.Timer(deadline - time.monotonic(), _shut_down, [duplicate])
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, HTTPException) as error:
        if time.monotonic() >= deadline:
            raise TimeoutError from error
        raise
    else:
        # Headers that are cut off read like complete ones.
        if time.monotonic() >= deadline:
            raise TimeoutError
    finally:
        timer.cancel()
        duplicate.close()


def _shut_down(connected: socket.socket) -> None:
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)
