"""Chunks as they arrive, the files they become, and how far each has come."""

from collections.abc import Collection

from django.db import models
from django.db.models import Q

from symdepot.jobs.leases import LeasedQuerySet, LeasedRow, WorkStates
from symdepot.projects.models import Organization, Project


class Chunk(models.Model):
    """A piece of a file, kept under its own checksum, shared by all who send it.

    The bytes lie in the blob store under `checksum` before this row exists.
    """

    checksum = models.CharField(max_length=40, unique=True)
    size_bytes = models.PositiveBigIntegerField()
    received_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.checksum


class ChunkOwner(models.Model):
    """Proof of possession: this organization has sent these bytes itself.

    Repeats the chunk's checksum and size, so that the question which of thousands of
    chunks are missing is answered from one index.
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


class File(models.Model):
    """A whole file, assembled and checked; the same for all projects that have it.

    Since `damaged_at`, its bytes are known to be damaged or gone: uploads do not find
    it, and whoever uploads it again heals it.
    """

    checksum = models.CharField(max_length=40, unique=True)
    size_bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    damaged_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.checksum


class FileChunk(models.Model):
    """Which chunk comes at which place of a file. Repeats are data."""

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
    """How far an upload has come, in the words that sentry-cli knows."""

    NOT_FOUND = "not_found", "waiting for chunks"
    CREATED = "created", "queued"
    ASSEMBLING = "assembling", "in work"
    OK = "ok", "done"
    ERROR = "error", "failed"


class AssemblyQuerySet(LeasedQuerySet["Assembly"]):
    """Named questions about assemblies."""

    def of(self, project: Project, checksums: Collection[str]) -> "AssemblyQuerySet":
        """Those of these files in `project`."""
        return self.filter(project=project, checksum__in=checksums)


class Assembly(LeasedRow):
    """One file on its way into one project: what clients poll, and workers lease.

    `chunks` is what the client said the file is made of, in order and with repeats.
    `state` has one writer, `uploads.assembly`.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    checksum = models.CharField(max_length=40)
    name = models.TextField()
    debug_id = models.CharField(max_length=64, blank=True)
    offered_by = models.CharField(max_length=250, blank=True)
    chunks = models.JSONField(default=list)
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
                # Not by state: SQLite takes no index whose condition has parameters.
                condition=Q(lease_expires_at__isnull=False),
                name="assembly_leases",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.checksum} in {self.project_id}: {self.state}"


class AwaitedChunk(models.Model):
    """A chunk that an unfinished assembly counts on, here already or not.

    While this row stands the chunk's bytes are not freed; when the last chunk of an
    assembly arrives, these rows tell which assembly that was.
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
