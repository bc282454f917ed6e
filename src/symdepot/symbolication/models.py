"""The table of pending symbolication requests."""

from django.db import models

from symdepot.projects.models import Token


class PendingQuestion(models.Model):
    """The body of a request that waits for symcaches, and the token that sent it.

    The request is stored, not its result: each poll runs it again. From `patient_until`
    on it is answered with the symcaches that exist then.
    """

    id = models.UUIDField(primary_key=True)
    token = models.ForeignKey(
        Token, on_delete=models.CASCADE, related_name="+", null=True
    )
    body = models.BinaryField()
    asked_at = models.DateTimeField(auto_now_add=True)
    patient_until = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.id)
