"""Time passes for all that is kept.

Time passes, as far as unfinished work can tell.
"""

from datetime import timedelta

from django.db.models import F

from symdepot.blobs.configured import blob_store
from symdepot.blobs.memory import MemoryStore
from symdepot.debugfiles.models import DebugFile
from symdepot.uploads.models import Assembly, Chunk, File


def age_everything(time: timedelta) -> None:
    """Let all rows and blobs that there are be older by `time`."""
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
    ages = store._written_at  # noqa: SLF001  # there is no other way to be old
    ages.update({checksum: then - time for checksum, then in ages.items()})


def age_assemblies(time: timedelta) -> None:
    """Let `time` pass for all assemblies: leases run out, pauses end."""
    Assembly.objects.update(
        updated_at=F("updated_at") - time,
        lease_expires_at=F("lease_expires_at") - time,
    )
