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
from django.db import transaction
from django.utils import timezone

from symdepot.domain.errors import InvalidRequest, Unauthenticated
from symdepot.projects import audit
from symdepot.projects.audit import Action
from symdepot.projects.models import Organization, Project, Token

URL_PREFIX = "symd_"
"""What tokens begin with that may stand in URLs."""

_SECRET_BYTES = 32
_HINT_LENGTH = 4
LAST_USE_PRECISION = timedelta(minutes=1)
"""How old a noted last use may become before it is noted again."""


class Scope(StrEnum):
    """What a token may do. The names are Sentry's, so that its clients show them.

    Source: spec/sentry-server 4.2.
    """

    READ = "project:read"
    RELEASES = "project:releases"
    CI = "org:ci"
    WRITE = "project:write"
    ADMIN = "project:admin"


def create_token(
    place: Organization | Project,
    *,
    scopes: Collection[Scope],
    by: str,
    label: str = "",
    expires_at: datetime | None = None,
) -> str:
    """Make a token for `place` and return it; it cannot be shown again.

    The token names this server and the organization, so that sentry-cli needs no
    other configuration than a project.

    Source: spec/sentry-cli C2; clients from 2.25 on insist on all four keys.
    """
    owner = place.organization if isinstance(place, Project) else place
    payload = {
        "iat": time.time(),
        "url": settings.PUBLIC_URL,
        "region_url": settings.PUBLIC_URL,
        "org": owner.slug,
    }
    said = b64encode(json.dumps(payload, separators=(",", ":")).encode()).decode()
    secret = b64encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=")
    token = f"sntrys_{said}_{secret}"
    row = Token(label=label, scopes=sorted(scopes), expires_at=expires_at)
    return _kept(row, token, place, by)


def create_url_token(
    place: Organization | Project,
    *,
    by: str,
    label: str = "",
    expires_at: datetime | None = None,
) -> str:
    """Make a token that can stand in a URL, and return it; see `create_token`.

    It may only read, since URLs get about: proxies log them, and people paste them.
    """
    token = URL_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    row = Token(label=label, scopes=[Scope.READ], expires_at=expires_at)
    return _kept(row, token, place, by)


def authenticate(token: str) -> Token:
    """Return the row of `token`, and note that it was used.

    Raises:
        Unauthenticated: there is no such token, or it is revoked or expired.
    """
    now = timezone.now()
    row = (
        Token.objects.valid(now)
        .select_related("organization", "project")
        .filter(digest=token_hash(token))
        .first()
    )
    if row is None:
        raise Unauthenticated("This token is unknown, revoked or expired.")
    if row.last_used_at is None or now - row.last_used_at > LAST_USE_PRECISION:
        Token.objects.filter(pk=row.pk).update(last_used_at=now)
    return row


def token_hash(token: str) -> str:
    """Return what is kept of `token`."""
    return hashlib.sha256(token.encode()).hexdigest()


def list_tokens(organization: Organization | None = None) -> list[Token]:
    """Return all tokens, or those of `organization`, oldest first; revoked ones too."""
    tokens = Token.objects.select_related("organization", "project").order_by("pk")
    return list(tokens.filter(organization=organization) if organization else tokens)


def by_number(token_id: int) -> Token:
    """Return the token whose row has this number.

    Raises:
        InvalidRequest: there is none.
    """
    rows = Token.objects.select_related("organization", "project__organization")
    found = rows.filter(pk=token_id).first()
    if found is None:
        raise InvalidRequest(f"There is no token {token_id}.")
    return found


@transaction.atomic
def revoke(token: Token, *, by: str) -> None:
    """Let `token` open nothing from now on; revoking twice is no error."""
    still_valid = Token.objects.filter(pk=token.pk, revoked_at=None)
    if still_valid.update(revoked_at=timezone.now()):
        place = token.project or token.organization
        audit.record(
            place, Action.TOKEN_REVOKED, by=by, subject=str(token), token=token.pk
        )


def _kept(row: Token, token: str, place: Organization | Project, by: str) -> str:
    """Keep all of `token` but itself, and return it."""
    row.organization, row.project = (
        (place.organization, place) if isinstance(place, Project) else (place, None)
    )
    row.digest, row.hint = token_hash(token), token[-_HINT_LENGTH:]
    ends_at = row.expires_at.isoformat() if row.expires_at else None
    with transaction.atomic():
        row.save(force_insert=True)
        audit.record(
            place,
            Action.TOKEN_MINTED,
            by=by,
            subject=str(row),
            token=row.pk,
            scopes=row.scopes,
            expires_at=ends_at,
        )
    return token
