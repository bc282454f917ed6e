"""Mints tokens, and recognises them again by their hash."""

import hashlib
import json
import secrets
import time
from base64 import b64encode
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.utils import timezone

from symdepot.domain.errors import InvalidRequest, Unauthenticated
from symdepot.projects.models import Organization, Project, Token

_SECRET_BYTES = 32
_HINT_LENGTH = 4
_LAST_USE_PRECISION = timedelta(minutes=1)


class Scope(StrEnum):
    """What a token may do. The names are Sentry's, so that its clients show them.

    Source: spec/sentry-server 4.2.
    """

    READ = "project:read"
    RELEASES = "project:releases"
    CI = "org:ci"
    WRITE = "project:write"
    ADMIN = "project:admin"


def mint(
    organization: Organization,
    *,
    scopes: Collection[Scope],
    project: Project | None = None,
    label: str = "",
    expires_at: datetime | None = None,
) -> str:
    """Make a token and return it; it cannot be shown again.

    The token names this server and the organization, so that sentry-cli needs no
    other configuration than a project.

    Source: spec/sentry-cli C2; clients from 2.25 on insist on all four keys.
    """
    payload = {
        "iat": time.time(),
        "url": settings.PUBLIC_URL,
        "region_url": settings.PUBLIC_URL,
        "org": organization.slug,
    }
    said = b64encode(json.dumps(payload, separators=(",", ":")).encode()).decode()
    secret = b64encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=")
    token = f"sntrys_{said}_{secret}"
    Token.objects.create(
        organization=organization,
        project=project,
        digest=_digest(token),
        hint=token[-_HINT_LENGTH:],
        label=label,
        scopes=sorted(scopes),
        expires_at=expires_at,
    )
    return token


def recognise(token: str) -> Token:
    """Return the row of `token`, and note that it was used.

    Raises:
        Unauthenticated: there is no such token, or it is revoked or expired.
    """
    now = timezone.now()
    row = (
        Token.objects.valid(now)
        .select_related("organization", "project")
        .filter(digest=_digest(token))
        .first()
    )
    if row is None:
        raise Unauthenticated("This token is unknown, revoked or expired.")
    if row.last_used_at is None or now - row.last_used_at > _LAST_USE_PRECISION:
        Token.objects.filter(pk=row.pk).update(last_used_at=now)
    return row


def issued(organization: Organization | None = None) -> list[Token]:
    """Return all tokens, or those of `organization`, oldest first; revoked ones too."""
    tokens = Token.objects.select_related("organization", "project").order_by("pk")
    return list(tokens.filter(organization=organization) if organization else tokens)


def numbered(token_id: int) -> Token:
    """Return the token whose row has this number.

    Raises:
        InvalidRequest: there is none.
    """
    found = Token.objects.filter(pk=token_id).first()
    if found is None:
        raise InvalidRequest(f"There is no token {token_id}.")
    return found


def revoke(token: Token) -> None:
    """Let `token` open nothing from now on; revoking twice is no error."""
    Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
