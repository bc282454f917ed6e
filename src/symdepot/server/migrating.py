"""Brings the database up to date, also when several processes start at once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import call_command
from django.db import connection

_LOCK = 0x53594D4D
"""An arbitrary number, for Postgres' advisory locks."""


def migrate() -> None:
    """Create or alter tables as this version needs them; wait for who does so already.

    Raises:
        DatabaseError: the database does not answer.
    """
    with _alone():
        call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def _alone() -> Iterator[None]:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
    else:
        # SQLite lies on a disk of this machine, and so does the lock.
        with (settings.DATA_DIR / "migrate.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
