"""Notes who did what, so that it can be told long after."""

from enum import StrEnum

from symdepot.projects.models import AuditEntry, Organization, Project

_LONGEST_ACTOR = 250


class Action(StrEnum):
    """What is noted."""

    UPLOADED = "debug-file.uploaded"
    DELETED = "debug-file.deleted"
    EXPIRED = "debug-file.expired"
    TOKEN_MINTED = "token.minted"  # noqa: S105 -- a word, not a secret
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    RETENTION_CHANGED = "retention.changed"
    QUOTA_CHANGED = "quota.changed"
    CHUNK_UPLOAD_CHANGED = "chunk-upload.changed"
    RELEASE_CREATED = "release.created"
    RELEASE_DELETED = "release.deleted"
    WEBHOOK_ADDED = "webhook.added"
    WEBHOOK_REMOVED = "webhook.removed"
    ORGANIZATION_FOUNDED = "organization.founded"
    PROJECT_FOUNDED = "project.founded"


def note(
    where: Organization | Project,
    action: Action,
    *,
    by: str,
    subject: str = "",
    **details: object,
) -> None:
    """Note that `by` did `action` to `subject`; in the transaction of the deed itself.

    `by` is `str(bearer)` for whoever showed a token. `details` become JSON.
    """
    organization, project_slug = (
        (where.organization, where.slug) if isinstance(where, Project) else (where, "")
    )
    AuditEntry.objects.create(
        organization=organization,
        project_slug=project_slug,
        actor=by[:_LONGEST_ACTOR],
        action=action.value,
        subject=subject,
        details=details,
    )
