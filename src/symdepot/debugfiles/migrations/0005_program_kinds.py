"""Makes the job due that corrects the kinds of ELF files of earlier versions."""

from datetime import UTC, datetime
from typing import Any

from django.db import migrations

_COMPANION = "dbg"


def make_due(apps: Any, schema_editor: Any) -> None:
    """Record that the job last finished long ago; a new installation never needs it."""
    companions = apps.get_model("debugfiles", "DebugFile").objects.filter(
        file_format="elf", kind=_COMPANION
    )
    if companions.exists():
        apps.get_model("jobs", "PeriodicLock").objects.get_or_create(
            name="program_kinds",
            defaults={"finished_at": datetime.fromtimestamp(0, UTC)},
        )


class Migration(migrations.Migration):
    dependencies = [
        ("debugfiles", "0004_code_ids_first"),
        ("jobs", "0001_initial"),
    ]

    operations = [migrations.RunPython(make_due, migrations.RunPython.noop)]
