"""Creates, authenticates and revokes tokens; of a token only its hash is stored."""

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
"""Prefix of the tokens that may stand in URLs."""
LAST_USE_PRECISION = timedelta(minutes=1)
"""`last_used_at` is updated when it is older than this."""
INVALID = "This token is unknown, revoked or expired."

_SECRET_BYTES = 32
_HINT_LENGTH = 4


class Scope(StrEnum):
    """What a token may do, by Sentry's names, so that its clients show them.

    Source: spec/sentry-server 4.2.
    """

    READ = "project:read"
    RELEASES = "project:releases"
    CI = "org:ci"
    WRITE = "project:write"
    ADMIN = "project:admin"


def create_token(
    owner: Organization | Project,
    *,
    scopes: Collection[Scope],
    by: str,
    label: str = "",
    expires_at: datetime | None = None,
) -> str:
    """Create a token for an organization or a project; it cannot be shown again.

    The token contains this server's URL and the organization, so that sentry-cli needs
    no other configuration than a project.

    Source: spec/sentry-cli C2; clients from 2.25 on insist on all four keys.
    """
    organization = owner.organization if isinstance(owner, Project) else owner
    payload = {
        "iat": time.time(),
        "url": settings.PUBLIC_URL,
        "region_url": settings.PUBLIC_URL,
        "org": organization.slug,
    }
    encoded = b64encode(json.dumps(payload, separators=(",", ":")).encode()).decode()
    secret = b64encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=")
    token = f"sntrys_{encoded}_{secret}"
    row = Token(label=label, scopes=sorted(scopes), expires_at=expires_at)
    _save(row, token, owner, by)
    return token


def create_url_token(
    owner: Organization | Project,
    *,
    by: str,
    label: str = "",
    expires_at: datetime | None = None,
) -> str:
    """Create a token that may stand in a URL; see `create_token`.

    It may only read: proxies log URLs, and people paste them.
    """
    token = URL_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    row = Token(label=label, scopes=[Scope.READ], expires_at=expires_at)
    _save(row, token, owner, by)
    return token


def authenticate(token: str) -> Token:
    """Return the row of `token`, and update its `last_used_at` if due.

    Raises:
        Unauthenticated: unknown, revoked or expired.
    """
    now = timezone.now()
    valid = Token.objects.valid(now).select_related("organization", "project")
    row = valid.filter(digest=token_hash(token)).first()
    if row is None:
        raise Unauthenticated(INVALID)
    if row.last_used_at is None or now - row.last_used_at > LAST_USE_PRECISION:
        Token.objects.filter(pk=row.pk).update(last_used_at=now)
    return row


def token_hash(token: str) -> str:
    """Return the digest that is stored for `token`."""
    return hashlib.sha256(token.encode()).hexdigest()


def list_tokens(organization: Organization | None = None) -> list[Token]:
    """Return all tokens, or those of `organization`, oldest first; revoked ones too."""
    tokens = Token.objects.select_related("organization", "project").order_by("pk")
    return list(tokens.filter(organization=organization) if organization else tokens)


def by_number(token_id: int) -> Token:
    """Return the token with this row id.

    Raises:
        InvalidRequest: no such token.
    """
    rows = Token.objects.select_related("organization", "project__organization")
    found = rows.filter(pk=token_id).first()
    if found is None:
        raise InvalidRequest(f"There is no token {token_id}.")
    return found


@transaction.atomic
def revoke(token: Token, *, by: str) -> None:
    """Make `token` invalid; revoking twice is no error."""
    still_valid = Token.objects.filter(pk=token.pk, revoked_at=None)
    if still_valid.update(revoked_at=timezone.now()):
        owner = token.project or token.organization
        audit.record(
            owner, Action.TOKEN_REVOKED, by=by, subject=str(token), token=token.pk
        )


def _save(row: Token, token: str, owner: Organization | Project, by: str) -> None:
    row.organization, row.project = (
        (owner.organization, owner) if isinstance(owner, Project) else (owner, None)
    )
    row.digest, row.hint = token_hash(token), token[-_HINT_LENGTH:]
    details = {
        "scopes": row.scopes,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }
    with transaction.atomic():
        row.save(force_insert=True)
        audit.record(
            owner, Action.TOKEN_MINTED, by=by, subject=str(row), token=row.pk, **details
        )
