"""What was made of each object for lookups, by which version of the maker.

Which making of symcaches is the present one, and why there were others.

A symcache of another version is never read: it is made anew, and then forgotten.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import models
from django.db.models import Q

from symdepot.domain.ids import DebugId
from symdepot.domain.symcache.conversion import ObjectSelector
from symdepot.uploads.models import File

_SYMBOLIC_FORMAT = 9
"""The file format of the symbolic that is installed; a test compares."""

_OURS = 1
"""Raised when the same file would come to another symcache by our own doing.

1: as symbolic makes it of the object that is asked for.
"""

_STEP = 1000

VERSION = _OURS * _STEP + _SYMBOLIC_FORMAT


class Outcome(models.TextChoices):
    """How far the making of a symcache has come."""

    QUEUED = "queued", "queued"
    MAKING = "making", "in work"
    MADE = "made", "made"
    FAILED = "failed", "failed"


class SymCacheQuerySet(models.QuerySet["SymCache"]):
    """Named questions about symcaches."""

    def present(self, files: Collection[int]) -> "SymCacheQuerySet":
        """Those of these files, by their ids, that are of the present version."""
        return self.filter(version=VERSION, file_id__in=files)

    def same_object(self, one: "SymCache") -> "SymCacheQuerySet":
        """Those of the same object, of whatever version."""
        return self.filter(file=one.file_id, debug_id=one.debug_id, arch=one.arch)

    def abandoned(self, now: datetime) -> "SymCacheQuerySet":
        """Those that somebody should be working on and nobody is."""
        return self.filter(
            outcome__in=(Outcome.QUEUED, Outcome.MAKING), lease_expires_at__lte=now
        )

    def claimable(self, now: datetime) -> "SymCacheQuerySet":
        """Those that a worker may take up: queued, or left lying by another."""
        return self.filter(
            Q(outcome=Outcome.QUEUED)
            | Q(outcome=Outcome.MAKING, lease_expires_at__lte=now)
        )

    def due(self, now: datetime) -> "SymCacheQuerySet":
        """Those that failed, and may be tried again."""
        return self.filter(outcome=Outcome.FAILED, retry_at__lte=now)


class SymCache(models.Model):
    """A symcache, or why there is none, of one object in one file's content.

    The object goes by its architecture and the UUID of its debug id, without the age,
    in which clients may differ. The bytes of one that is `made` lie in the blob store
    under `checksum`. One that `failed` says why in `detail`, and may be tried again
    from `retry_at` on. One made without any debug information, of a symbol table
    alone, is `symbols_only`. `outcome` has one writer, `symcaches.creation`.
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
    attempts = models.PositiveIntegerField(default=0)
    lease_holder = models.CharField(max_length=32, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    objects = SymCacheQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["file", "debug_id", "arch", "version"],
                name="one_symcache_an_object",
            )
        ]
        indexes = [
            models.Index(
                fields=["lease_expires_at"],
                condition=Q(lease_expires_at__isnull=False),
                name="symcache_leases",
            )
        ]

    def __str__(self) -> str:
        return f"{self.debug_id} ({self.arch}): {self.outcome}"

    def wanted(self) -> ObjectSelector:
        """Return which object of the file it is to be made of."""
        return ObjectSelector(DebugId.parse(self.debug_id), self.arch)
