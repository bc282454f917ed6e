"""Sees in one lookup who reads with a debugger.

For answers that cost less than the models would. Whatever takes more than a look is
left to `tokens` and `reading`, which have the last word.
"""

import json
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection
from django.utils import timezone

from symdepot.projects import sql, tokens
from symdepot.projects.access import Permission
from symdepot.projects.models import display_token


@dataclass(frozen=True, slots=True)
class ReaderRecord:
    """Whoever showed a token: of an organization, or of one project of it."""

    organization_id: int
    project_id: int | None
    words: str


def find_reader(token: str) -> ReaderRecord | None:
    """Return who shows `token`, if that is all there is to say.

    None is one that is not valid or may not download, and one whose use is to be noted
    again.
    """
    now, written = timezone.now(), connection.ops.adapt_datetimefield_value
    rows = sql.fetch_all(
        _SHOWN,
        {
            "digest": tokens.token_hash(token),
            "now": written(now),
            "noted_since": written(now - tokens.LAST_USE_PRECISION),
        },
    )
    if not rows:
        return None
    organization_id, project_id, scopes, label, hint = rows[0]
    if not _may_download(scopes):
        return None
    return ReaderRecord(organization_id, project_id, display_token(label, hint))


def sole_project_id(who: ReaderRecord) -> int | None:
    """Return the row of the one project that `reading.sole` names; else None."""
    if who.project_id is not None:
        return who.project_id
    own = sql.fetch_all(_PROJECTS, {"owner": who.organization_id})
    return own[0][0] if len(own) == 1 else None


@lru_cache(maxsize=64)
def _may_download(scopes: str) -> bool:
    """Say so, of scopes as the database writes them; there are few combinations."""
    return not set(Permission.DOWNLOAD.scopes).isdisjoint(json.loads(scopes))


_SHOWN = """
    SELECT organization_id, project_id, scopes, label, hint
    FROM projects_token
    WHERE digest = %(digest)s
    AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > %(now)s)
    AND last_used_at >= %(noted_since)s
    """
_PROJECTS = "SELECT id FROM projects_project WHERE organization_id = %(owner)s LIMIT 2"
