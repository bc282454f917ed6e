"""Rows of chunks, of their owners, and of the files that they make."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import ChunksMissing, StorageUnavailable
from symdepot.domain.ids import Checksum
from symdepot.projects.models import Organization, Project
from symdepot.uploads.models import (
    Assembly,
    AwaitedChunk,
    Chunk,
    ChunkOwner,
    ChunkProof,
    File,
    FileChunk,
    State,
)

_FREEING_LOCK = 0x53594D44
"""Key of a Postgres advisory lock; an arbitrary number."""


def record_chunks(
    organization: Organization,
    sizes: Mapping[Checksum, int],
    store: BlobStore,
    *,
    confined_to: Project | None = None,
) -> None:
    """Record that `organization` has sent these chunks, whose bytes are in `store`.

    `sizes` in bytes. `confined_to`: the only project of the token that sent them. May be repeated, and run concurrently.

    Raises:
        StorageUnavailable: the bytes were freed at this moment, with a debug file that
            had the same chunk; sending them again helps.
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
            update_fields=["received_at", "verified_at", "is_damaged"],
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
        if confined_to is not None:
            _record_proofs(organization, confined_to, checksums)
        if any(c not in store for c in checksums):
            raise StorageUnavailable


def owned_sizes(
    organization: Organization,
    checksums: Collection[Checksum],
    *,
    confined_to: Project | None = None,
) -> dict[Checksum, int]:
    """Return the size in bytes of each of these chunks that `organization` owns.

    `confined_to`: only those that tokens of this one project have sent.

    One query for any number of chunks. The list is one JSON parameter: SQLite limits the
    number of parameters, and Postgres plans a join with it well at any table size.
    """
    by_hex = {c.hex: c for c in checksums}
    with connection.cursor() as cursor:
        sql = _OWNED_SQL[connection.vendor]
        parameters: list[str | int] = [json.dumps(sorted(by_hex)), organization.pk]
        if confined_to is not None:
            sql += _PROVEN_SQL
            parameters.append(confined_to.pk)
        cursor.execute(sql, parameters)
        return {by_hex[checksum]: size for checksum, size in cursor.fetchall()}


def require_owned(
    organization: Organization,
    checksums: Sequence[Checksum],
    *,
    confined_to: Project | None = None,
) -> dict[Checksum, int]:
    """Return the sizes of these chunks in bytes; see `owned_sizes`.

    Raises:
        ChunksMissing: the organization does not own all of them.
    """
    sizes = owned_sizes(organization, checksums, confined_to=confined_to)
    if missing(checksums, sizes):
        raise ChunksMissing
    return sizes


def missing(
    required: Sequence[Checksum], owned: Collection[Checksum]
) -> list[Checksum]:
    """Return those of `required` that are not `owned`: each once, in the given order."""
    return [c for c in dict.fromkeys(required) if c not in owned]


def completed_by(
    organization: Organization, arrived: Collection[Checksum]
) -> list[int]:
    """Return the ids of waiting assemblies that are complete with these new chunks."""
    owned = ChunkOwner.objects.filter(
        organization=organization, checksum=OuterRef("checksum")
    )
    proven = ChunkProof.objects.filter(
        owner__organization=organization,
        owner__checksum=OuterRef("checksum"),
        project=OuterRef("assembly__project"),
    )
    is_lacking = ~Exists(owned) | Q(~Exists(proven), assembly__is_confined=True)
    lacking = AwaitedChunk.objects.filter(is_lacking, assembly=OuterRef("pk"))
    awaiting = AwaitedChunk.objects.filter(checksum__in=[c.hex for c in arrived])
    waiting = Assembly.objects.filter(
        ~Exists(lacking),
        pk__in=awaiting.values("assembly_id"),
        project__organization=organization,
        state=State.NOT_FOUND,
    )
    return list(waiting.values_list("pk", flat=True))


def record_file(
    checksum: Checksum, chunks: Sequence[Checksum], size_bytes: int
) -> File:
    """Return the row of a file that `chunks` make; create it if it is missing.

    An existing file keeps its chunks. A damaged one gets these and is sound again.
    """
    file, is_new = File.objects.get_or_create(
        checksum=checksum.hex, defaults={"size_bytes": size_bytes}
    )
    if file.damaged_at is not None:
        FileChunk.objects.filter(file=file).delete()
        file.damaged_at, file.size_bytes = None, size_bytes
        file.save(update_fields=["damaged_at", "size_bytes"])
        is_new = True
    if is_new:
        rows = Chunk.objects.filter(checksum__in={c.hex for c in chunks})
        ids = dict(rows.values_list("checksum", "pk"))
        FileChunk.objects.bulk_create(
            FileChunk(file=file, position=position, chunk_id=ids[chunk.hex])
            for position, chunk in enumerate(chunks)
        )
    return file


def forget_damaged(checksum: Checksum) -> None:
    """Delete all ownership of a chunk whose bytes are damaged or gone.

    The chunk is then missing and its files are damaged, so the next upload of one of
    them sends it again and repairs it.
    """
    uses = FileChunk.objects.filter(chunk__checksum=checksum.hex)
    with transaction.atomic():
        ChunkOwner.objects.filter(chunk__checksum=checksum.hex).delete()
        File.objects.filter(pk__in=uses.values("file"), damaged_at=None).update(
            damaged_at=timezone.now()
        )


@contextmanager
def not_while_freeing() -> Iterator[None]:
    """Run a transaction that excludes `freeing`, but not others of its kind."""
    with transaction.atomic():
        _lock("pg_advisory_xact_lock_shared")
        yield


@contextmanager
def freeing() -> Iterator[None]:
    """Run a transaction that may delete chunks, while no other records any."""
    with transaction.atomic():
        _lock("pg_advisory_xact_lock")
        yield


def _record_proofs(
    organization: Organization, project: Project, checksums: Collection[Checksum]
) -> None:
    owners = ChunkOwner.objects.filter(
        organization=organization, checksum__in=[c.hex for c in checksums]
    )
    ChunkProof.objects.bulk_create(
        [ChunkProof(owner=owner, project=project) for owner in owners.order_by("pk")],
        ignore_conflicts=True,
    )


def _lock(function: str) -> None:
    # SQLite has one writer at a time: its transactions are IMMEDIATE.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [_FREEING_LOCK])


# In SQLite, CROSS JOIN fixes the order. Otherwise it may scan all owners and compare
# each with every requested checksum.
_OWNED_SQL = {
    "sqlite": """
        SELECT owner.checksum, owner.size_bytes
        FROM json_each(%s) AS required
        CROSS JOIN uploads_chunkowner AS owner ON owner.checksum = required.value
        WHERE owner.organization_id = %s
        """,
    "postgresql": """
        SELECT owner.checksum, owner.size_bytes
        FROM json_array_elements_text(%s::json) AS required (checksum)
        JOIN uploads_chunkowner AS owner ON owner.checksum = required.checksum
        WHERE owner.organization_id = %s
        """,
}

_PROVEN_SQL = """
        AND EXISTS (
            SELECT 1 FROM uploads_chunkproof AS proof
            WHERE proof.owner_id = owner.id AND proof.project_id = %s
        )
    """
