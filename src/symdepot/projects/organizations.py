"""Creates and finds organizations and projects, and changes their settings."""

import re
from dataclasses import asdict, dataclass

from django.db import IntegrityError, transaction

from symdepot.domain.errors import InvalidRequest, OrganizationMissing, ProjectMissing
from symdepot.projects import audit, tokens
from symdepot.projects.audit import Action
from symdepot.projects.models import Organization, Project
from symdepot.projects.tokens import Scope

DEFAULT = "default"
"""Slug of the organization and the project that the first start creates."""

_FIRST = "first start"
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,48}[a-z0-9])?").fullmatch

is_row_id = re.compile(r"[0-9]{1,18}").fullmatch
"""Whether a text can be a row id, in this or any other table."""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """How long a project keeps debug files; None is for ever.

    A rule expires files that were not used for `unused_days`, that were uploaded `days`
    ago, or whose releases are all older than the newest `releases`.
    """

    unused_days: int | None = None
    days: int | None = None
    releases: int | None = None


def create_organization(slug: str, *, by: str) -> Organization:
    """Create an organization.

    Raises:
        InvalidRequest: invalid slug, or the organization exists.
    """
    _check_slug(slug)
    try:
        with transaction.atomic():
            organization = Organization.objects.create(slug=slug)
            _audit(organization, Action.ORGANIZATION_FOUNDED, by=by)
            return organization
    except IntegrityError as error:
        raise InvalidRequest(f"There is an organization {slug!r} already.") from error


def create_project(organization: Organization, slug: str, *, by: str) -> Project:
    """Create a project.

    Raises:
        InvalidRequest: invalid slug, or the organization has such a project.
    """
    _check_slug(slug)
    try:
        with transaction.atomic():
            project = Project.objects.create(organization=organization, slug=slug)
            _audit(project, Action.PROJECT_FOUNDED, by=by)
            return project
    except IntegrityError as error:
        raise InvalidRequest(
            f"Organization {organization.slug!r} has a project {slug!r} already."
        ) from error


def create_defaults() -> str | None:
    """Create an organization, a project and a token if there is no organization.

    Returns the token, which cannot be shown again; None if this is not the first start.
    If several processes start at once, one of them gets the token.
    """
    if Organization.objects.exists():
        return None
    with transaction.atomic():
        organization, is_new = Organization.objects.get_or_create(slug=DEFAULT)
        if not is_new:
            return None
        _audit(organization, Action.ORGANIZATION_FOUNDED, by=_FIRST)
        create_project(organization, DEFAULT, by=_FIRST)
        scopes = set(Scope) - {Scope.ADMIN}
        return tokens.create_token(organization, scopes=scopes, by=_FIRST, label=_FIRST)


def list_organizations() -> list[Organization]:
    """Return all organizations, sorted by slug."""
    return list(Organization.objects.order_by("slug"))


def get_organization(slug: str) -> Organization:
    """Return an organization, without any check of permissions.

    Raises:
        OrganizationMissing: no such organization.
    """
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise OrganizationMissing(slug)
    return found


def list_projects(organization: Organization) -> list[Project]:
    """Return all projects of an organization, sorted by slug."""
    return list(Project.objects.filter(organization=organization).order_by("slug"))


def get_project(organization_slug: str, slug: str) -> Project:
    """Return a project, without any check of permissions.

    Raises:
        OrganizationMissing: no such organization.
        ProjectMissing: no such project in it.
    """
    found = find_project(get_organization(organization_slug), slug)
    if found is None:
        raise ProjectMissing(organization=organization_slug, slug=slug)
    return found


def find_project(organization: Organization, slug_or_id: str) -> Project | None:
    """Return the project with this slug or, failing that, this row id."""
    if "\0" in slug_or_id:  # Postgres refuses the query
        return None
    projects = Project.objects.filter(organization=organization)
    projects = projects.select_related("organization")
    found = projects.filter(slug=slug_or_id).first()
    if found is None and is_row_id(slug_or_id):
        found = projects.filter(pk=int(slug_or_id)).first()
    return found


@transaction.atomic
def set_public(project: Project, *, is_public: bool, by: str) -> None:
    """Allow or forbid everyone to read the debug files of `project`."""
    others = Project.objects.filter(pk=project.pk).exclude(is_public=is_public)
    if others.update(is_public=is_public):
        _audit(project, Action.PROJECT_CHANGED, by=by, is_public=is_public)


def retention(project: Project) -> RetentionRules:
    """Return the retention rules of `project`."""
    return RetentionRules(
        project.keep_unused_days, project.keep_days, project.keep_releases
    )


def set_retention(project: Project, rules: RetentionRules, *, by: str) -> None:
    """Replace the retention rules of `project`."""
    before = retention(project)
    if rules == before:
        return
    project.keep_unused_days = rules.unused_days
    project.keep_days = rules.days
    project.keep_releases = rules.releases
    with transaction.atomic():
        project.save(update_fields=["keep_unused_days", "keep_days", "keep_releases"])
        old, new = asdict(before), asdict(rules)
        _audit(project, Action.RETENTION_CHANGED, by=by, before=old, after=new)


def set_quota(organization: Organization, quota_bytes: int | None, *, by: str) -> None:
    """Limit the bytes that `organization` may store; None removes the limit."""
    before = organization.quota_bytes
    if quota_bytes == before:
        return
    organization.quota_bytes = quota_bytes
    with transaction.atomic():
        organization.save(update_fields=["quota_bytes"])
        _audit(
            organization, Action.QUOTA_CHANGED, by=by, before=before, after=quota_bytes
        )


@transaction.atomic
def set_chunk_upload(organization: Organization, *, on: bool, by: str) -> None:
    """Let clients upload chunks, or zip files instead.

    Only sentry-cli before 3.0 can upload zip files; newer clients ignore this.
    """
    rows = Organization.objects.filter(pk=organization.pk)
    if rows.exclude(takes_chunks=on).update(takes_chunks=on):
        _audit(organization, Action.CHUNK_UPLOAD_CHANGED, by=by, takes_chunks=on)


def _audit(
    owner: Organization | Project, action: Action, *, by: str, **details: object
) -> None:
    audit.record(owner, action, by=by, subject=owner.slug, **details)


def _check_slug(slug: str) -> None:
    """Refuse a slug that could be a row id, or needs escaping in a URL."""
    if not _SLUG(slug) or slug.isdecimal():
        raise InvalidRequest(
            f"{slug!r} cannot be a name in URLs: take 1 to 50 small letters, digits, "
            "'-' and '_', beginning and ending with a letter or digit, "
            "and not digits only."
        )
