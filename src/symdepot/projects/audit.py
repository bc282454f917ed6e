"""Notes who did what, and tells it long after."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import QuerySet

from symdepot.domain import text_format
from symdepot.domain.errors import InvalidRequest
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
    PROJECT_CHANGED = "project.changed"


def record(
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
    record_each(where, action, [(subject, details)], by=by)


def record_each(
    where: Organization | Project,
    action: Action,
    deeds: Iterable[tuple[str, Mapping[str, object]]],
    *,
    by: str,
) -> None:
    """Note several deeds at once, each with its subject and its details."""
    organization, project_slug = (
        (where.organization, where.slug) if isinstance(where, Project) else (where, "")
    )
    AuditEntry.objects.bulk_create(
        AuditEntry(
            organization=organization,
            project_slug=project_slug,
            actor=by[:_LONGEST_ACTOR],
            action=action.value,
            subject=subject,
            details=dict(details),
        )
        for subject, details in deeds
    )


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What to tell: of one project, of one action, from `since` until before `until`."""

    project: str | None = None
    action: Action | None = None
    since: datetime | None = None
    until: datetime | None = None


def entries(organization: Organization, asked: AuditQuery) -> QuerySet[AuditEntry]:
    """Return what was noted, newest first, unsliced."""
    rows = AuditEntry.objects.filter(organization=organization)
    if asked.project is not None:
        # Postgres does not even take the question.
        slug = asked.project.replace("\0", " ")
        rows = rows.filter(project_slug=slug)
    if asked.action:
        rows = rows.filter(action=asked.action.value)
    if asked.since:
        rows = rows.filter(at__gte=asked.since)
    if asked.until:
        rows = rows.filter(at__lt=asked.until)
    return rows.order_by("-at", "-pk")


def export(organization: Organization, asked: AuditQuery) -> Iterator[AuditEntry]:
    """Return what was noted, oldest first, a few at a time."""
    return entries(organization, asked).reverse().iterator()


def as_utc(time: datetime | None) -> datetime | None:
    """Return a time that somebody typed; without a zone it is UTC.

    Raises:
        InvalidRequest: it lies outside of all calendars.
    """
    if time is None:
        return None
    try:
        return text_format.as_utc(time)
    except ValueError:
        raise InvalidRequest(f"{time} is no time that there can be.") from None


def as_json(entry: AuditEntry) -> dict[str, object]:
    """Return an entry as JSON takes it."""
    return {
        "id": str(entry.pk),
        "at": text_format.format_time(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "project": entry.project_slug or None,
        "subject": entry.subject,
        "details": entry.details,
    }
