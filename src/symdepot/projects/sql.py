"""Raw SQL for the lookups of every debuginfod request, and a cursor to run it.

Django's models and cursors take longer than these lookups, and a debugger waits for
each of thousands of them: see docs/benchmarks.md. Rows are named tuples.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection

type Value = int | str | datetime | None


class TokenRow(NamedTuple):
    """A valid token. `scopes` is JSON; `is_use_noted` may be null, which is falsy."""

    token_id: int
    organization_id: int
    project_id: int | None
    scopes: str
    label: str
    hint: str
    is_use_noted: bool | None


def find_token(digest: str, now: datetime, noted_since: datetime) -> TokenRow | None:
    """Return the token if it is valid `now`; use is noted if later than `noted_since`."""
    adapt = connection.ops.adapt_datetimefield_value
    values = (adapt(noted_since), digest, adapt(now))
    rows = fetch_all(TokenRow._make, _VALID, values)
    return rows[0] if rows else None


def sole_project_id(organization_id: int) -> int | None:
    """Return the id of the one project of an organization; None if it has several."""
    rows = fetch_all(list[int], _PROJECTS, (organization_id,))
    return rows[0][0] if len(rows) == 1 else None


def fetch_all[Row](
    make: Callable[[Iterable[Any]], Row], query: str, values: Sequence[Value]
) -> list[Row]:
    """Run a query in which `%s` marks each value.

    Values and columns are as the database driver has them: `connection.ops` adapts
    times. Django's cursor is used only if Django logs queries, as tests do.

    Raises:
        django.db.Error: as Django's cursors.
    """
    connection.ensure_connection()
    if connection.queries_logged:
        with connection.cursor() as cursor:
            cursor.execute(query, values)
            return [make(row) for row in cursor.fetchall()]
    with (
        connection.wrap_database_errors,
        closing(connection.connection.cursor()) as cursor,
    ):
        cursor.execute(_with_marks(query, connection.vendor), values)
        return [make(row) for row in cursor.fetchall()]


@lru_cache(maxsize=64)
def _with_marks(query: str, vendor: str) -> str:
    return query.replace("%s", "?") if vendor == "sqlite" else query


_VALID = """
    SELECT id, organization_id, project_id, scopes, label, hint, last_used_at >= %s
    FROM projects_token
    WHERE digest = %s AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > %s)
    """
_PROJECTS = "SELECT id FROM projects_project WHERE organization_id = %s LIMIT 2"
