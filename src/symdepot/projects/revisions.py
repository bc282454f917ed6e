"""Moves a project's revision, so that consumers see that new debug files arrived."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from symdepot.projects.models import Project, Webhook


@transaction.atomic
def move(project: Project) -> None:
    """Note that debug files arrived, and that the project's webhooks are to tell it.

    In the transaction in which they arrive.
    """
    Project.objects.filter(pk=project.pk).update(revision=F("revision") + 1)
    Webhook.objects.filter(project=project, next_attempt_at=None).update(
        next_attempt_at=timezone.now()
    )
