"""Identifies the caller of a request by its token."""

import base64
import re

from django.http import HttpRequest

from symdepot.blobs.configured import blob_store
from symdepot.domain.errors import Unauthenticated
from symdepot.projects import access, tokens
from symdepot.projects.access import Caller, Reader

IS_AUTHENTICATED = "symdepot.is_authenticated"
"""A key of `request.META`: the token of the request is valid."""
_MAX_LOGGED_LENGTH = 500
_PATH_TOKEN = re.compile(r"^/+s/+[^/]+/")


def caller(request: HttpRequest) -> Caller:
    """Return the caller; ninja keeps it in `request.auth`.

    The token comes as `Bearer`, or as user name or password of `Basic`, which old
    clients send.

    Raises:
        Unauthenticated: no token, or an invalid one.
        WrongStore: the storage is not the one of the database.

    Source: spec/sentry-cli A0, row "Authorization".
    """
    known = getattr(request, "auth", None)
    if isinstance(known, Caller):
        return known
    found = _authenticate(request, _header_token(request))
    blob_store().require_known()
    return found


def caller_or_none(request: HttpRequest, path_token: str | None) -> Caller | None:
    """Return the caller; None if there is no token, see `reader`.

    Raises:
        Unauthenticated: an invalid token.
    """
    token = _any_token(request, path_token)
    return None if token is None else _authenticate(request, token)


def reader(request: HttpRequest, path_token: str | None) -> Reader | None:
    """Return the caller of a download; None if there is no token.

    The token is in the path, since a debugger cannot send headers, or in a header. In
    paths only tokens are accepted that can do no more than read.

    Raises:
        Unauthenticated: an invalid token.
        NotAllowed: the token may not download.
    """
    token = _any_token(request, path_token)
    return None if token is None else access.authenticate_reader(token)


def token_from_header(authorization: str) -> str:
    """Return the token in a header `Authorization`; empty if there is none."""
    kind, _, rest = authorization.strip().partition(" ")
    match kind.lower():
        case "bearer":
            return rest.strip()
        case "basic":
            return _basic_token(rest)
        case _:
            return ""


def path_without_token(request: HttpRequest) -> str:
    """Return the path for a log, see `hide_token`."""
    return hide_token(request.path)


def hide_token(path: str) -> str:
    """Return a path for a log, without the token that may be in it."""
    return _PATH_TOKEN.sub("/s/…/", path)[:_MAX_LOGGED_LENGTH]


def actor(request: HttpRequest, caller: Caller) -> str:
    """Return the name of the token and of the client program, for the audit log."""
    return actor_with_agent(str(caller), request.headers.get("User-Agent", ""))


def actor_with_agent(name: str, agent: str) -> str:
    """Return `name` and the program of a header `User-Agent`."""
    program = agent.strip()
    return f"{name} ({program})" if program else name


def _authenticate(request: HttpRequest, token: str) -> Caller:
    caller = Caller(tokens.authenticate(token))
    request.META[IS_AUTHENTICATED] = True
    return caller


def _any_token(request: HttpRequest, path_token: str | None) -> str | None:
    if path_token is None:
        return _header_token(request) if "Authorization" in request.headers else None
    if not path_token.startswith(tokens.URL_PREFIX):
        raise Unauthenticated("This is no token for URLs.")
    return path_token


def _header_token(request: HttpRequest) -> str:
    token = token_from_header(request.headers.get("Authorization", ""))
    if not token:
        raise Unauthenticated(
            "Authentication credentials were not provided: "
            "send a token as 'Authorization: Bearer TOKEN'."
        )
    return token


def _basic_token(encoded: str) -> str:
    try:
        user, _, password = base64.b64decode(encoded).decode().partition(":")
    except ValueError:
        return ""
    # Some tools, as git does, send the token as password of any user.
    is_password = password.startswith(tokens.URL_PREFIX)
    return password if is_password or not user else user
