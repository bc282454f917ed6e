"""Says whether an organization's clients are to send chunks, or zips."""

from django.db import transaction

from symdepot.projects import audit
from symdepot.projects.audit import Action
from symdepot.projects.models import Organization


@transaction.atomic
def switch(organization: Organization, *, on: bool, by: str) -> None:
    """Let clients of `organization` send chunks, or tell them to zip; `by` wants it.

    Only sentry-cli before 3.0 knows another way, and newer ones do not ask.
    """
    rows = Organization.objects.filter(pk=organization.pk)
    if rows.exclude(takes_chunks=on).update(takes_chunks=on):
        audit.note(
            organization,
            Action.CHUNK_UPLOAD_CHANGED,
            by=by,
            subject=organization.slug,
            takes_chunks=on,
        )
