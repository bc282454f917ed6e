"""Moves the timestamps of rows and blobs into the past."""

from datetime import timedelta

from django.db.models import F

from symdepot.blobs.configured import blob_store
from symdepot.blobs.memory import MemoryStore
from symdepot.debugfiles.models import DebugFile
from symdepot.uploads.models import Assembly, Chunk, File


def age_everything(time: timedelta) -> None:
    """Make all rows and blobs older by `time`."""
    Chunk.objects.update(received_at=F("received_at") - time)
    File.objects.update(created_at=F("created_at") - time)
    Assembly.objects.update(
        created_at=F("created_at") - time, updated_at=F("updated_at") - time
    )
    DebugFile.objects.update(
        created_at=F("created_at") - time,
        last_used_at=F("last_used_at") - time,
        superseded_at=F("superseded_at") - time,
    )
    store = blob_store()
    assert isinstance(store, MemoryStore)
    ages = store._written_at  # noqa: SLF001  # a store has no other way to set an age
    ages.update({checksum: then - time for checksum, then in ages.items()})


def age_assemblies(time: timedelta) -> None:
    """Make all assemblies older by `time`: leases run out, pauses end."""
    Assembly.objects.update(
        updated_at=F("updated_at") - time,
        lease_expires_at=F("lease_expires_at") - time,
    )
