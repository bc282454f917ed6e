"""Founds organizations and projects, and on the very first start what one needs."""

import re

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


def found_organization(slug: str, *, by: str) -> Organization:
    """Make an organization and return it; `by` founds it.

    Raises:
        InvalidRequest: `slug` cannot be one, or there is such an organization.
    """
    _check(slug)
    try:
        with transaction.atomic():
            organization = Organization.objects.create(slug=slug)
            audit.note(organization, Action.ORGANIZATION_FOUNDED, by=by, subject=slug)
            return organization
    except IntegrityError as error:
        raise InvalidRequest(f"There is an organization {slug!r} already.") from error


def found_project(organization: Organization, slug: str, *, by: str) -> Project:
    """Make a project of `organization` and return it; `by` founds it.

    Raises:
        InvalidRequest: `slug` cannot be one, or the organization has such a project.
    """
    _check(slug)
    try:
        with transaction.atomic():
            project = Project.objects.create(organization=organization, slug=slug)
            audit.note(project, Action.PROJECT_FOUNDED, by=by, subject=slug)
            return project
    except IntegrityError as error:
        raise InvalidRequest(
            f"Organization {organization.slug!r} has a project {slug!r} already."
        ) from error


def first_start() -> str | None:
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
        audit.note(
            organization, Action.ORGANIZATION_FOUNDED, by=_FIRST, subject=DEFAULT
        )
        found_project(organization, DEFAULT, by=_FIRST)
        return tokens.mint(organization, scopes=_FIRST_SCOPES, by=_FIRST, label=_FIRST)


def _check(slug: str) -> None:
    """Refuse what could be taken for a numeric id, or needs escaping in a URL."""
    if not _SLUG(slug) or slug.isdecimal():
        raise InvalidRequest(
            f"{slug!r} cannot be a name in URLs: take 1 to 50 small letters, digits, "
            "'-' and '_', beginning and ending with a letter or digit, "
            "and not digits only."
        )
