"""Asks the database past Django's cursors, which take longer than a lookup does."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.db import connection

type Values = Mapping[str, object]


def fetch_all(question: str, values: Values) -> list[tuple[Any, ...]]:
    """Return the rows that answer `question`, in which values stand as `%(name)s`.

    Values and rows are as the driver has them: `connection.ops` adapts times.

    Raises:
        django.db.Error: as of any other question.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(_spoken(question, connection.vendor), values)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows
        finally:
            cursor.close()


@lru_cache(maxsize=64)
def _spoken(question: str, vendor: str) -> str:
    """Write the names of values as the driver of this database reads them."""
    return question % _Colons() if vendor == "sqlite" else question


class _Colons(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return f":{name}"
