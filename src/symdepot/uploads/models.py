"""Tables of chunks, of the files that they make, and of uploads in progress."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.db import models
from django.db.models import Q

from symdepot.domain.ids import Checksum
from symdepot.jobs.leases import LeasedQuerySet, LeasedRow, WorkStates
from symdepot.projects.models import Organization, Project


class StoredChunk(NamedTuple):
    """A chunk, its size in bytes, and when it was last verified: see `Chunk`."""

    checksum: Checksum
    size_bytes: int
    verified_at: datetime | None
    is_damaged: bool


class Chunk(models.Model):
    """A piece of a file. All organizations that send it share it.

    Its bytes are in the blob store under `checksum` before this row exists.
    `verified_at`: when they were last read back and hashed, with the result `is_damaged`.
    """

    checksum = models.CharField(max_length=40, unique=True)
    size_bytes = models.PositiveBigIntegerField()
    received_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True)
    is_damaged = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [
            models.Index(fields=["verified_at"], name="chunk_verification"),
            models.Index(
                fields=["id"], condition=Q(is_damaged=True), name="damaged_chunks"
            ),
        ]

    def __str__(self) -> str:
        return self.checksum

    def stored_chunk(self) -> StoredChunk:
        """Return what is needed to read it."""
        return StoredChunk(
            Checksum(self.checksum), self.size_bytes, self.verified_at, self.is_damaged
        )


class ChunkOwner(models.Model):
    """Proof that an organization has sent the bytes of a chunk.

    Repeats the chunk's checksum and size, so that one index is enough to find the missing
    ones of thousands of chunks.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="+"
    )
    chunk = models.ForeignKey(Chunk, on_delete=models.CASCADE, related_name="+")
    checksum = models.CharField(max_length=40)
    size_bytes = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "checksum", "size_bytes"],
                name="one_proof_an_organization",
            )
        ]

    def __str__(self) -> str:
        return f"{self.chunk_id} of {self.organization_id}"


class ChunkProof(models.Model):
    """Proof that a token confined to a project has sent the bytes of a chunk.

    Such tokens do not profit from chunks that the rest of the organization has sent.
    """

    owner = models.ForeignKey(ChunkOwner, on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "project"], name="one_proof_a_project"
            )
        ]

    def __str__(self) -> str:
        return f"{self.owner_id} by {self.project_id}"


class File(models.Model):
    """An assembled and verified file. All projects with this content share it.

    `damaged_at`: since when its bytes are known to be damaged or gone. Uploads then do
    not find it; the next upload repairs it.
    """

    checksum = models.CharField(max_length=40, unique=True)
    size_bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    damaged_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.checksum


class FileChunk(models.Model):
    """The chunk at a position of a file. A chunk may occur repeatedly."""

    file = models.ForeignKey(File, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField()
    chunk = models.ForeignKey(Chunk, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["file", "position"], name="one_chunk_a_position"
            )
        ]

    def __str__(self) -> str:
        return f"{self.file_id}[{self.position}]"


class State(models.TextChoices):
    """State of an upload, as sentry-cli expects it."""

    NOT_FOUND = "not_found", "waiting for chunks"
    CREATED = "created", "queued"
    ASSEMBLING = "assembling", "in work"
    OK = "ok", "done"
    ERROR = "error", "failed"


class AssemblyQuerySet(LeasedQuerySet["Assembly"]):
    """Assemblies by file."""

    def of(self, project: Project, checksums: Collection[str]) -> "AssemblyQuerySet":
        """Assemblies of these files in `project`."""
        return self.filter(project=project, checksum__in=checksums)


class Assembly(LeasedRow):
    """The upload of one file to one project: clients poll it, workers lease it.

    `chunks`: as the client listed them, in order and with repeats. `is_confined`: only
    chunks count that were sent for `project`, since the token is for it alone. Only
    `uploads.assembly` changes `state`.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    checksum = models.CharField(max_length=40)
    name = models.TextField()
    debug_id = models.CharField(max_length=64, blank=True)
    offered_by = models.CharField(max_length=250, blank=True)
    chunks = models.JSONField(default=list)
    is_confined = models.BooleanField(default=False, db_default=False)
    state = models.CharField(max_length=16, choices=State.choices)
    detail = models.TextField(blank=True)
    retryable = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AssemblyQuerySet.as_manager()

    WORK_STATES = WorkStates("state", State.CREATED, State.ASSEMBLING)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "checksum"], name="one_assembly_a_file"
            )
        ]
        indexes = [
            models.Index(fields=["project", "debug_id"], name="assembly_by_debug_id"),
            models.Index(
                fields=["lease_expires_at"],
                # Not by state: SQLite allows no parameters in an index condition.
                condition=Q(lease_expires_at__isnull=False),
                name="assembly_leases",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.checksum} in {self.project_id}: {self.state}"


class AwaitedChunk(models.Model):
    """A chunk that an unfinished assembly needs, received or not.

    While this row exists the chunk's bytes are not freed. When a chunk arrives, these
    rows lead to the assemblies that it may complete.
    """

    assembly = models.ForeignKey(Assembly, on_delete=models.CASCADE, related_name="+")
    checksum = models.CharField(max_length=40, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["assembly", "checksum"], name="awaited_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.checksum} for {self.assembly_id}"


class StoreIdentity(models.Model):
    """The id of the blob store of this database; one row.

    `is_written`: the store has been given this id, so that it is another store if it has
    none.
    """

    store_id = models.CharField(max_length=64)
    is_written = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.store_id
