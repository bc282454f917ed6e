"""The table of symcaches, and the version in which they are created.

A symcache of another version is never read. It is created again in the present version,
and the old row is then deleted.
"""

from collections.abc import Collection

from django.db import models
from django.db.models import Q
from django.utils import timezone

from symdepot.domain.ids import DebugId
from symdepot.domain.symcache.conversion import ObjectSelector
from symdepot.jobs.leases import LeasedQuerySet, LeasedRow, WorkStates
from symdepot.uploads.models import File

_SYMBOLIC_FORMAT = 9
"""File format that the installed symbolic writes. A test compares them."""
_CREATION_VERSION = 2
"""Increased when symdepot itself creates another symcache from the same file.

1: as symbolic converts the selected object. 2: symbols without a size end with their
section.
"""

VERSION = _CREATION_VERSION * 1000 + _SYMBOLIC_FORMAT


class Outcome(models.TextChoices):
    """State of a symcache."""

    QUEUED = "queued", "queued"
    MAKING = "making", "in work"
    MADE = "made", "made"
    FAILED = "failed", "failed"


class SymCacheQuerySet(LeasedQuerySet["SymCache"]):
    """Symcaches by file and object."""

    def present(self, files: Collection[int]) -> "SymCacheQuerySet":
        """Symcaches of the present version, of the files with these ids."""
        return self.filter(version=VERSION, file_id__in=files)

    def claimable(self, max_attempts: int) -> "SymCacheQuerySet":
        """Symcaches to be created now, the one to be created next first.

        Left out: those that ended `max_attempts` workers.
        """
        rows = self.filter(
            Q(outcome=Outcome.QUEUED)
            | Q(outcome=Outcome.MAKING, attempts__lt=max_attempts),
            version=VERSION,
            lease_expires_at__lte=timezone.now(),
        )
        return rows.order_by("-priority", "pk")

    def same_object(self, symcache: "SymCache") -> "SymCacheQuerySet":
        """Symcaches of the same object, in any version."""
        return self.filter(
            file=symcache.file_id, debug_id=symcache.debug_id, arch=symcache.arch
        )


class SymCache(LeasedRow):
    """A symcache of one object in the content of one file, or why there is none.

    The object is identified by its architecture and the UUID of its debug id; clients
    may disagree on the age. The bytes of a row that is `made` lie in the blob store under
    `checksum`. A row that `failed` has the reason in `detail` and may be tried again
    from `retry_at` on. `symbols_only`: created from a symbol table, without debug
    information. Only `symcaches.lifecycle` changes `outcome`.

    The rows are the queue, too; there are no tasks. A queued row may be claimed from
    `lease_expires_at` on, first the one with the highest `priority`: Unix time in
    milliseconds at which a request last waited for it, or 0.
    """

    file = models.ForeignKey(File, on_delete=models.PROTECT, related_name="+")
    debug_id = models.CharField(max_length=64)
    arch = models.CharField(max_length=32)
    version = models.PositiveIntegerField()
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    detail = models.TextField(blank=True)
    symbols_only = models.BooleanField(default=False)
    checksum = models.CharField(max_length=40, blank=True, db_index=True)
    size_bytes = models.PositiveBigIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    priority = models.PositiveBigIntegerField(db_default=0)

    objects = SymCacheQuerySet.as_manager()

    WORK_STATES = WorkStates("outcome", Outcome.QUEUED, Outcome.MAKING)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["file", "debug_id", "arch", "version"],
                name="one_symcache_an_object",
            )
        ]
        indexes = [
            models.Index(
                fields=["-priority", "id"],
                condition=Q(lease_expires_at__isnull=False),
                name="symcache_queue",
            )
        ]

    def __str__(self) -> str:
        return f"{self.debug_id} ({self.arch}): {self.outcome}"

    def selector(self) -> ObjectSelector:
        """Return which object of the file is converted."""
        return ObjectSelector(DebugId.parse(self.debug_id), self.arch)
