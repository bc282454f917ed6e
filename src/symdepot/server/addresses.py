"""Where we listen, as numbers."""

import socket

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- recognised, not bound


def numeric(host: str, port: int) -> str:
    """Return the address that `host` stands for, since granian knows no names.

    Raises:
        OSError: it stands for none.
    """
    return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])


def reachable(host: str, port: int) -> str:
    """Return an address at which a server on this machine that listens on `host` answers.

    Raises:
        OSError: see `numeric`.
    """
    address = numeric(host, port)
    return _ANYWHERE.get(address, address)
