"""How long a project keeps its debug files, and how much an organization may keep."""

from dataclasses import asdict, dataclass

from django.db import transaction

from symdepot.projects import audit
from symdepot.projects.audit import Action
from symdepot.projects.models import Organization, Project


@dataclass(frozen=True, slots=True)
class Retention:
    """What a project lets go of; None keeps for ever.

    Debug files that nobody has used for `unused_days`; that came `days` ago; that are
    of releases, and of none of the newest `releases`.
    """

    unused_days: int | None = None
    days: int | None = None
    releases: int | None = None


def retention(project: Project) -> Retention:
    """Return what holds for `project`."""
    return Retention(project.keep_unused_days, project.keep_days, project.keep_releases)


def retain(project: Project, wanted: Retention, *, by: str) -> None:
    """Let `wanted` hold for `project` from now on, as `by` says."""
    before = retention(project)
    if wanted == before:
        return
    project.keep_unused_days = wanted.unused_days
    project.keep_days = wanted.days
    project.keep_releases = wanted.releases
    with transaction.atomic():
        project.save(update_fields=["keep_unused_days", "keep_days", "keep_releases"])
        audit.note(
            project,
            Action.RETENTION_CHANGED,
            by=by,
            subject=project.slug,
            before=asdict(before),
            after=asdict(wanted),
        )


def allow(organization: Organization, quota_bytes: int | None, *, by: str) -> None:
    """Let `organization` keep so many bytes and no more, as `by` says; None is any."""
    before = organization.quota_bytes
    if quota_bytes == before:
        return
    organization.quota_bytes = quota_bytes
    with transaction.atomic():
        organization.save(update_fields=["quota_bytes"])
        audit.note(
            organization,
            Action.QUOTA_CHANGED,
            by=by,
            subject=organization.slug,
            before=before,
            after=quota_bytes,
        )
