"""Time passes, as far as unfinished work can tell."""

from datetime import timedelta

from django.db.models import F

from symdepot.uploads.models import Assembly


def let_pass(time: timedelta) -> None:
    """Let `time` pass for all assemblies: leases run out, pauses end."""
    Assembly.objects.update(
        updated_at=F("updated_at") - time,
        lease_expires_at=F("lease_expires_at") - time,
    )
