"""A header becomes somebody who may do something."""

import base64
import re

from django.http import HttpRequest

from symdepot.domain.errors import Unauthenticated
from symdepot.projects import tokens
from symdepot.projects.access import Caller

_LONGEST_SHOWN = 500
_PATH_TOKEN = re.compile(r"^/+s/+[^/]+/")


def caller(request: HttpRequest) -> Caller:
    """Return who is asking; a second time without asking the database again.

    The token comes as `Bearer`, or as user name or password of `Basic`, which old
    clients send.

    Raises:
        Unauthenticated: there is no token, or it is not a valid one.

    Source: spec/sentry-cli A0, row "Authorization".
    """
    known = getattr(request, "auth", None)
    if isinstance(known, Caller):
        return known
    token = token_from_header(request.headers.get("Authorization", ""))
    if not token:
        raise Unauthenticated(
            "Authentication credentials were not provided: "
            "send a token as 'Authorization: Bearer TOKEN'."
        )
    return Caller(tokens.authenticate(token))


def reader(request: HttpRequest, path_token: str | None) -> Caller | None:
    """Return who reads with a debugger; None is anybody, who shows no token.

    The token stands in the path, where a debugger can carry no header, or it comes
    as for `caller`. Of those in paths only the kind is believed that can do no harm.

    Raises:
        Unauthenticated: the token is not a valid one.
    """
    if path_token is None:
        return caller(request) if "Authorization" in request.headers else None
    if not path_token.startswith(tokens.URL_PREFIX):
        raise Unauthenticated("This is no token for URLs.")
    return Caller(tokens.authenticate(path_token))


def token_from_header(authorization: str) -> str:
    """Return the token that stands in a header `Authorization`; empty is none."""
    kind, _, rest = authorization.strip().partition(" ")
    match kind.lower():
        case "bearer":
            return rest.strip()
        case "basic":
            return _basic_token(rest)
        case _:
            return ""


def path_without_token(request: HttpRequest) -> str:
    """Return the path as it may be logged: without the token that may stand in it."""
    return _PATH_TOKEN.sub("/s/…/", request.path)[:_LONGEST_SHOWN]


def actor(request: HttpRequest, who: Caller) -> str:
    """Return who asks, and with which program, in words."""
    return actor_with_agent(str(who), request.headers.get("User-Agent", ""))


def actor_with_agent(who: str, agent: str) -> str:
    """Return the same of `who` with a program that calls itself `agent`."""
    program = agent.strip()
    return f"{who} ({program})" if program else who


def _basic_token(encoded: str) -> str:
    try:
        user, _, password = base64.b64decode(encoded).decode().partition(":")
    except ValueError:
        return ""
    # With some tools, git's way, any name stands before the token.
    is_behind = password.startswith(tokens.URL_PREFIX)
    return password if is_behind or not user else user
