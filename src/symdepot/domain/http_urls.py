"""URLs of hosts that speak HTTP, as users and operators write them."""

from urllib.parse import SplitResult, urlsplit


def split_http_url(url: str) -> SplitResult:
    """Split an absolute URL. Its `hostname` and `port` can be read without an error.

    Raises:
        ValueError: it is not one; the text is a clause about it.

    >>> split_http_url("https://ci.example.com:8443/hook").port
    8443
    >>> split_http_url("https://ci.example.com:99999/hook")
    Traceback (most recent call last):
    ValueError: its port should be a number from 1 to 65535
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # as of "http://[::1"
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it should be http:// or https:// and a host")
    check_port(parts)
    return parts


def check_port(parts: SplitResult) -> None:
    """Check the port of a URL, if it has one.

    Raises:
        ValueError: it is not a port; the text is a clause about the URL.
    """
    try:
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    if not is_port:
        raise ValueError("its port should be a number from 1 to 65535")
