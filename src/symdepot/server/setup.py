"""Opens the house: from here on models and settings can be used.

Brings the database up to date, also when several processes start at once.

Who it is that types commands, as the audit names them.
"""

import fcntl
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from symdepot.server import config, startup_checks
from symdepot.server.config import Config

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


def setup(*, migrated: bool = True, **settings: object) -> Config:
    """Set Django up, after `settings` have been put over the environment.

    What is None is not put there. Unless told otherwise, tables are brought up to
    date, so that any command may be the first one.

    Raises:
        ValidationError: a setting is wrong.
        Misconfigured: a setting is right, but cannot be followed.
    """
    config.override_settings(**settings)
    config.name_django_settings()
    chosen = Config()
    startup_checks.check_folder_writable(chosen.data_dir)
    django.setup()
    startup_checks.check_storage_url()
    if migrated:
        startup_checks.check_database()
        migrate()
    return chosen


def cli_actor() -> str:
    """Return that the command line was used, and by which user of this machine.

    The user is the one that the kernel knows, not the one whom a variable names.
    """
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container may run as a number that has no name
        name = str(uid)
    return f"command line ({name})"
