"""The audit log: who did what."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import QuerySet

from symdepot.domain import text_format
from symdepot.domain.errors import InvalidRequest
from symdepot.projects.models import AuditEntry, Organization, Project

_MAX_ACTOR_LENGTH = 250


class Action(StrEnum):
    """The kinds of entries."""

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
    PROJECT_CHANGED = "project.changed"


def record(
    owner: Organization | Project,
    action: Action,
    *,
    by: str,
    subject: str = "",
    **details: object,
) -> None:
    """Add an entry, in the transaction of the action itself.

    `by` is the actor: `str(caller)` for a request. `details` become JSON.
    """
    record_each(owner, action, [(subject, details)], by=by)


def record_each(
    owner: Organization | Project,
    action: Action,
    subjects: Iterable[tuple[str, Mapping[str, object]]],
    *,
    by: str,
) -> None:
    """Add several entries, each with its subject and its details."""
    organization, project_slug = (
        (owner.organization, owner.slug) if isinstance(owner, Project) else (owner, "")
    )
    AuditEntry.objects.bulk_create(
        AuditEntry(
            organization=organization,
            project_slug=project_slug,
            actor=by[:_MAX_ACTOR_LENGTH],
            action=action.value,
            subject=subject,
            details=dict(details),
        )
        for subject, details in subjects
    )


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """A filter: the project, the action, from `since` until before `until`.

    A time without a zone is UTC.
    """

    project: str | None = None
    action: Action | None = None
    since: datetime | None = None
    until: datetime | None = None


def entries(organization: Organization, query: AuditQuery) -> QuerySet[AuditEntry]:
    """Return the entries, newest first, unsliced.

    Raises:
        InvalidRequest: a time is out of range.
    """
    rows = AuditEntry.objects.filter(organization=organization)
    if query.project is not None:
        slug = query.project.replace("\0", " ")  # Postgres refuses NUL
        rows = rows.filter(project_slug=slug)
    if query.action:
        rows = rows.filter(action=query.action.value)
    if query.since:
        rows = rows.filter(at__gte=_as_utc(query.since))
    if query.until:
        rows = rows.filter(at__lt=_as_utc(query.until))
    return rows.order_by("-at", "-pk")


def export(organization: Organization, query: AuditQuery) -> Iterator[AuditEntry]:
    """Yield the entries, oldest first; memory does not grow with their number."""
    return entries(organization, query).reverse().iterator()


def as_json(entry: AuditEntry) -> dict[str, object]:
    """Return an entry as JSON."""
    return {
        "id": str(entry.pk),
        "at": text_format.format_time(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "project": entry.project_slug or None,
        "subject": entry.subject,
        "details": entry.details,
    }


def _as_utc(time: datetime) -> datetime:
    try:
        return text_format.as_utc(time)
    except ValueError:
        raise InvalidRequest(f"{time} is no time that there can be.") from None
