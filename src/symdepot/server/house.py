"""Opens the house: from here on models and settings can be used."""

import django

from symdepot.server import checks, config, migrating
from symdepot.server.config import Config


def enter(*, migrated: bool = True, **settings: object) -> Config:
    """Set Django up, after `settings` have been put over the environment.

    What is None is not put there. Unless told otherwise, tables are brought up to
    date, so that any command may be the first one.

    Raises:
        ValidationError: a setting is wrong.
        Misconfigured: a setting is right, but cannot be followed.
    """
    config.override_with(**settings)
    config.name_django_settings()
    chosen = Config()
    checks.folder_takes_files(chosen.data_dir)
    django.setup()
    checks.storage_is_named()
    if migrated:
        checks.database_answers()
        migrating.migrate()
    return chosen
