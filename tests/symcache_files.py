"""Debug files for tests of symcaches, and the ages of symcaches."""

from datetime import timedelta
from uuid import UUID, uuid4

from django.db.models import F
from tests.factories import a_breakpad_file, a_client, a_project, upload
from tests.fixtures import builders

from symdepot.debugfiles.models import DebugFile
from symdepot.symcaches import lifecycle
from symdepot.symcaches.models import SymCache

CONVERT_ERROR = "bad debug file: invalid pdb file: UnexpectedEof"
"""What is said of `an_unreadable_pdb`."""


def an_unreadable_pdb(uuid: UUID | None = None) -> bytes:
    """Return a PDB with ids whose debug information cannot be read."""
    return builders.pdb(uuid or uuid4())


def uploaded(content: bytes | None = None) -> DebugFile:
    """Upload a file, and return its row."""
    a_project()
    standing = upload(a_client(), content or a_breakpad_file())
    return DebugFile.objects.select_related("file").get(pk=standing["dif"]["id"])


def row() -> SymCache:
    """Return the only symcache."""
    return SymCache.objects.get()


def claimed() -> SymCache:
    """Claim the only symcache."""
    held = lifecycle.claim_next()
    assert held is not None
    return held


def age_symcaches(time: timedelta) -> None:
    """Make all symcaches older by `time`: leases run out, failures may be retried."""
    SymCache.objects.update(
        updated_at=F("updated_at") - time,
        lease_expires_at=F("lease_expires_at") - time,
        retry_at=F("retry_at") - time,
    )
