"""A header becomes somebody who may do something."""

import base64

from django.http import HttpRequest

from symdepot.domain.errors import Unauthenticated
from symdepot.projects import tokens
from symdepot.projects.access import Bearer


def bearer(request: HttpRequest) -> Bearer:
    """Return who is asking.

    The token comes as `Bearer`, or as user name or password of `Basic`, which old
    clients send.

    Raises:
        Unauthenticated: there is no token, or it is not a valid one.

    Source: spec/sentry-cli A0, row "Authorization".
    """
    kind, _, rest = request.headers.get("Authorization", "").strip().partition(" ")
    match kind.lower():
        case "bearer":
            token = rest.strip()
        case "basic":
            token = _basic_token(rest)
        case _:
            token = ""
    if not token:
        raise Unauthenticated(
            "Authentication credentials were not provided: "
            "send a token as 'Authorization: Bearer TOKEN'."
        )
    return Bearer(tokens.recognise(token))


def _basic_token(encoded: str) -> str:
    try:
        user, _, password = base64.b64decode(encoded).decode().partition(":")
    except ValueError:
        return ""
    return user or password
