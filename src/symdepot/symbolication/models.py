"""Questions whose answer is not ready: who asks comes back for it."""

from datetime import datetime

from django.db import models

from symdepot.projects.models import Token


class PendingQuestionQuerySet(models.QuerySet["PendingQuestion"]):
    """Named questions about pending ones."""

    def open(self, now: datetime) -> "PendingQuestionQuerySet":
        """Those that may still be asked for."""
        return self.filter(expires_at__gt=now)

    def over(self, now: datetime) -> "PendingQuestionQuerySet":
        """Those that nobody may ask for any more."""
        return self.filter(expires_at__lte=now)


class PendingQuestion(models.Model):
    """A request as it came, for whoever showed this token, or none.

    Not the answer is kept but the question: it is asked again whenever the client comes
    for its answer, and answered from what there is then. `patient_until` is until when
    it is worth waiting for more.
    """

    id = models.UUIDField(primary_key=True)
    token = models.ForeignKey(
        Token, on_delete=models.CASCADE, related_name="+", null=True
    )
    body = models.BinaryField()
    asked_at = models.DateTimeField(auto_now_add=True)
    patient_until = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    objects = PendingQuestionQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.id)
