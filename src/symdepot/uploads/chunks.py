"""Takes in chunks, and knows which have come."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import StorageUnavailable
from symdepot.domain.ids import Checksum
from symdepot.projects.models import Organization
from symdepot.uploads.models import (
    Assembly,
    AwaitedChunk,
    Chunk,
    ChunkOwner,
    File,
    FileChunk,
    State,
)

_FREEING_LOCK = 0x53594D44
"""An arbitrary number, for Postgres' advisory locks."""


def record_chunks(
    organization: Organization, sizes: Mapping[Checksum, int], store: BlobStore
) -> None:
    """Note that `organization` has sent these chunks, whose bytes are in `store`.

    Noting it twice, or by many at once, is no error. `owned_sizes` are in bytes.

    Raises:
        StorageUnavailable: the bytes were freed in this very moment, because a debug
            file was deleted that had the same chunk; sending them again helps.
    """
    checksums = sorted(sizes)
    now = timezone.now()
    with not_while_freeing():
        Chunk.objects.bulk_create(
            [
                Chunk(checksum=c.hex, size_bytes=sizes[c], received_at=now)
                for c in checksums
            ],
            update_conflicts=True,
            unique_fields=["checksum"],
            update_fields=["received_at"],
        )
        rows = Chunk.objects.filter(checksum__in=[c.hex for c in checksums])
        ChunkOwner.objects.bulk_create(
            [
                ChunkOwner(
                    organization=organization,
                    chunk=chunk,
                    checksum=chunk.checksum,
                    size_bytes=chunk.size_bytes,
                )
                for chunk in rows.order_by("checksum")
            ],
            ignore_conflicts=True,
        )
        if any(c not in store for c in checksums):
            raise StorageUnavailable


def owned_sizes(
    organization: Organization, checksums: Collection[Checksum]
) -> dict[Checksum, int]:
    """Return the size in bytes of each of these chunks that `organization` owns.

    One question, however many chunks: the list travels as one JSON value, since
    SQLite takes a limited number of parameters and Postgres plans a join with it
    well at any size of the table.
    """
    by_hex = {c.hex: c for c in checksums}
    with connection.cursor() as cursor:
        question = (json.dumps(sorted(by_hex)), organization.pk)
        cursor.execute(_OWNED[connection.vendor], question)
        return {by_hex[checksum]: size for checksum, size in cursor.fetchall()}


def missing(wanted: Sequence[Checksum], owned: Collection[Checksum]) -> list[Checksum]:
    """Return those of `wanted` that are not `owned`: each once, in the order given."""
    return [c for c in dict.fromkeys(wanted) if c not in owned]


def completed_by(
    organization: Organization, arrived: Collection[Checksum]
) -> list[int]:
    """Return the ids of waiting assemblies that lack nothing, now that these came."""
    owned = ChunkOwner.objects.filter(
        organization=organization, checksum=OuterRef("checksum")
    )
    lacking = AwaitedChunk.objects.filter(~Exists(owned), assembly=OuterRef("pk"))
    concerned = AwaitedChunk.objects.filter(checksum__in=[c.hex for c in arrived])
    waiting = Assembly.objects.filter(
        ~Exists(lacking),
        pk__in=concerned.values("assembly_id"),
        project__organization=organization,
        state=State.NOT_FOUND,
    )
    return list(waiting.values_list("pk", flat=True))


def forget_damaged(checksum: Checksum) -> None:
    """Forget that anybody sent a chunk whose bytes turned out damaged or gone.

    It is missing from now on, and the files that have it are damaged, so the next
    upload of any of them sends it again and heals it.
    """
    having = FileChunk.objects.filter(chunk__checksum=checksum.hex)
    with transaction.atomic():
        ChunkOwner.objects.filter(chunk__checksum=checksum.hex).delete()
        File.objects.filter(pk__in=having.values("file"), damaged_at=None).update(
            damaged_at=timezone.now()
        )


@contextmanager
def not_while_freeing() -> Iterator[None]:
    """Run a transaction beside others like it, but beside nobody who frees chunks."""
    with transaction.atomic():
        _lock("pg_advisory_xact_lock_shared")
        yield


@contextmanager
def freeing() -> Iterator[None]:
    """Run a transaction in which chunks may be freed: nobody counts on new ones now."""
    with transaction.atomic():
        _lock("pg_advisory_xact_lock")
        yield


def _lock(function: str) -> None:
    # SQLite has one writer at a time anyway: transactions begin IMMEDIATE.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [_FREEING_LOCK])


# In SQLite, CROSS JOIN keeps the order: left to itself it may begin with the owners
# and compare each with every hash that is asked about.
_OWNED = {
    "sqlite": """
        SELECT owner.checksum, owner.size_bytes
        FROM json_each(%s) AS wanted
        CROSS JOIN uploads_chunkowner AS owner ON owner.checksum = wanted.value
        WHERE owner.organization_id = %s
        """,
    "postgresql": """
        SELECT owner.checksum, owner.size_bytes
        FROM json_array_elements_text(%s::json) AS wanted (checksum)
        JOIN uploads_chunkowner AS owner ON owner.checksum = wanted.checksum
        WHERE owner.organization_id = %s
        """,
}
