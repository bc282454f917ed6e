"""Founds organizations and projects, and on the very first start what one needs.

How long a project keeps its debug files, and how much an organization may keep.

Says whether an organization's clients are to send chunks, or zips.
"""

import re
from dataclasses import asdict, dataclass

from django.db import IntegrityError, transaction

from symdepot.domain.errors import InvalidRequest
from symdepot.projects import audit, tokens
from symdepot.projects.audit import Action
from symdepot.projects.models import Organization, Project
from symdepot.projects.tokens import Scope

DEFAULT = "default"
"""What the organization and the project of the first start are called."""

_FIRST = "first start"
_FIRST_SCOPES = (Scope.READ, Scope.RELEASES, Scope.CI, Scope.WRITE)
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,48}[a-z0-9])?").fullmatch


def create_organization(slug: str, *, by: str) -> Organization:
    """Make an organization and return it; `by` founds it.

    Raises:
        InvalidRequest: `slug` cannot be one, or there is such an organization.
    """
    _check(slug)
    try:
        with transaction.atomic():
            organization = Organization.objects.create(slug=slug)
            audit.record(organization, Action.ORGANIZATION_FOUNDED, by=by, subject=slug)
            return organization
    except IntegrityError as error:
        raise InvalidRequest(f"There is an organization {slug!r} already.") from error


def create_project(organization: Organization, slug: str, *, by: str) -> Project:
    """Make a project of `organization` and return it; `by` founds it.

    Raises:
        InvalidRequest: `slug` cannot be one, or the organization has such a project.
    """
    _check(slug)
    try:
        with transaction.atomic():
            project = Project.objects.create(organization=organization, slug=slug)
            audit.record(project, Action.PROJECT_FOUNDED, by=by, subject=slug)
            return project
    except IntegrityError as error:
        raise InvalidRequest(
            f"Organization {organization.slug!r} has a project {slug!r} already."
        ) from error


def create_defaults() -> str | None:
    """Make an organization, a project and a token for them, if there is nothing yet.

    Return the token, which cannot be shown again; None if this is not the first
    start. Of several that start at once, one gets the token.
    """
    if Organization.objects.exists():
        return None
    with transaction.atomic():
        organization, is_new = Organization.objects.get_or_create(slug=DEFAULT)
        if not is_new:
            return None
        audit.record(
            organization, Action.ORGANIZATION_FOUNDED, by=_FIRST, subject=DEFAULT
        )
        create_project(organization, DEFAULT, by=_FIRST)
        return tokens.create_token(
            organization, scopes=_FIRST_SCOPES, by=_FIRST, label=_FIRST
        )


def _check(slug: str) -> None:
    """Refuse what could be taken for a numeric id, or needs escaping in a URL."""
    if not _SLUG(slug) or slug.isdecimal():
        raise InvalidRequest(
            f"{slug!r} cannot be a name in URLs: take 1 to 50 small letters, digits, "
            "'-' and '_', beginning and ending with a letter or digit, "
            "and not digits only."
        )


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """What a project lets go of; None keeps for ever.

    Debug files that nobody has used for `unused_days`; that came `days` ago; that are
    of releases, and of none of the newest `releases`.
    """

    unused_days: int | None = None
    days: int | None = None
    releases: int | None = None


def retention(project: Project) -> RetentionRules:
    """Return what holds for `project`."""
    return RetentionRules(
        project.keep_unused_days, project.keep_days, project.keep_releases
    )


def set_retention(project: Project, wanted: RetentionRules, *, by: str) -> None:
    """Let `wanted` hold for `project` from now on, as `by` says."""
    before = retention(project)
    if wanted == before:
        return
    project.keep_unused_days = wanted.unused_days
    project.keep_days = wanted.days
    project.keep_releases = wanted.releases
    with transaction.atomic():
        project.save(update_fields=["keep_unused_days", "keep_days", "keep_releases"])
        audit.record(
            project,
            Action.RETENTION_CHANGED,
            by=by,
            subject=project.slug,
            before=asdict(before),
            after=asdict(wanted),
        )


def set_quota(organization: Organization, quota_bytes: int | None, *, by: str) -> None:
    """Let `organization` keep so many bytes and no more, as `by` says; None is any."""
    before = organization.quota_bytes
    if quota_bytes == before:
        return
    organization.quota_bytes = quota_bytes
    with transaction.atomic():
        organization.save(update_fields=["quota_bytes"])
        audit.record(
            organization,
            Action.QUOTA_CHANGED,
            by=by,
            subject=organization.slug,
            before=before,
            after=quota_bytes,
        )


@transaction.atomic
def set_chunk_upload(organization: Organization, *, on: bool, by: str) -> None:
    """Let clients of `organization` send chunks, or tell them to zip; `by` wants it.

    Only sentry-cli before 3.0 knows another way, and newer ones do not ask.
    """
    rows = Organization.objects.filter(pk=organization.pk)
    if rows.exclude(takes_chunks=on).update(takes_chunks=on):
        audit.record(
            organization,
            Action.CHUNK_UPLOAD_CHANGED,
            by=by,
            subject=organization.slug,
            takes_chunks=on,
        )
