"""The table of locks of periodic jobs."""

from django.db import models


class PeriodicLock(models.Model):
    """A periodic job: which process runs it, and when it last finished."""

    name = models.CharField(max_length=50, unique=True)
    holder = models.CharField(max_length=32, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        # The name that the table had when it was created.
        db_table = "uploads_sweep"

    def __str__(self) -> str:
        return self.name
