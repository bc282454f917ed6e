"""Set Django up for a command: settings, checks, migrations, and the actor.

Until `setup` was called, models and settings cannot be used.
"""

import fcntl
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

import django
import structlog
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from symdepot.blobs.configured import blob_store
from symdepot.domain.errors import StorageUnavailable
from symdepot.server import config, startup_checks
from symdepot.server.config import Config

_log = structlog.get_logger(__name__)
_ADVISORY_LOCK = 0x53594D4D
"""Arbitrary number of the Postgres advisory lock for migrations."""


def setup(*, migrated: bool = True, **settings: object) -> Config:
    """Set Django up, with `settings` over the environment; those that are None are not.

    `migrated`: create or alter the tables first, so that any command may be the first.

    Raises:
        ValidationError: a setting is invalid.
        Misconfigured: a setting is valid but cannot be used.
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
        _identify_store()
    return chosen


def migrate() -> None:
    """Create or alter the tables for this version; one process at a time."""
    with _migration_lock():
        call_command("migrate", verbosity=0, interactive=False)


def _identify_store() -> None:
    """Give a new store its id, and log if this one is not that of the database.

    A wrong store ends no command here: servers and workers wait until the right one is
    back.
    """
    try:
        blob_store().require_known()
    except StorageUnavailable as error:
        _log.warning("store.refused", error=str(error))


def cli_actor() -> str:
    """Return the actor for the audit log: the command line, and the user of this process.

    The user comes from the kernel, not from an environment variable.
    """
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # in a container, a uid may have no name
        name = str(uid)
    return f"command line ({name})"


@contextmanager
def _migration_lock() -> Iterator[None]:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_LOCK])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_ADVISORY_LOCK])
    else:
        # SQLite is on a disk of this machine, and so is the lock.
        with (settings.DATA_DIR / "migrate.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
