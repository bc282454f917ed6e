"""What was made of each object for lookups, by which version of the maker."""

from django.db import models
from django.db.models import Q

from symdepot.uploads.models import File


class Outcome(models.TextChoices):
    """How far the making of a symcache has come."""

    QUEUED = "queued", "queued"
    MAKING = "making", "in work"
    MADE = "made", "made"
    FAILED = "failed", "failed"


class SymCache(models.Model):
    """A symcache, or why there is none, of one object in one file's content.

    The bytes of one that is `made` lie in the blob store under `checksum`. One that
    `failed` says why in `detail`, and may be tried again from `retry_at` on. One made
    without any debug information, of a symbol table alone, is `symbols_only`.
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
                condition=Q(outcome__in=["queued", "making"]),
                name="symcache_leases",
            )
        ]

    def __str__(self) -> str:
        return f"{self.debug_id} ({self.arch}): {self.outcome}"
