"""Says which organization or project a client means, and what it may do there."""

import re
from dataclasses import dataclass
from enum import Enum

from symdepot.domain.errors import NotAllowed, OrganizationMissing, ProjectMissing
from symdepot.projects.models import Organization, Project, Token
from symdepot.projects.tokens import Scope

is_row_id = re.compile(r"[0-9]{1,18}").fullmatch
"""Whether a text can be the number of a row, in this or any other table."""


class Deed(Enum):
    """What can be done with debug files; the value is the scopes that each allow it.

    Source: spec/sentry-server 4.2 and 4.3. There a token of CI may list but not
    download; deleting needs `project:write` besides the scope of the door.
    """

    LIST = (Scope.READ, Scope.RELEASES, Scope.CI, Scope.WRITE, Scope.ADMIN)
    UPLOAD = (Scope.RELEASES, Scope.CI, Scope.WRITE, Scope.ADMIN)
    DOWNLOAD = (Scope.READ, Scope.WRITE, Scope.ADMIN)
    DELETE = (Scope.WRITE, Scope.ADMIN)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever showed a token."""

    token: Token

    def __str__(self) -> str:
        return str(self.token)

    def organization(self, slug_or_id: str, deed: Deed) -> Organization:
        """Return the organization, if the token is one of its and may do `deed`.

        Raises:
            NotAllowed: the token belongs elsewhere, or lacks the scope. The answer
                does not tell whether the other organization exists.
        """
        own = self.token.organization
        if slug_or_id not in {own.slug, str(own.pk)}:
            raise NotAllowed(
                f"This token belongs to organization {own.slug!r}, "
                f"not to {slug_or_id!r}."
            )
        if not {scope.value for scope in deed.value} & set(self.token.scopes):
            raise NotAllowed(
                f"This token may not {deed.name.lower()} debug files: it needs "
                f"one of the scopes {', '.join(deed.value)}."
            )
        return own

    def project(self, organization: str, slug_or_id: str, deed: Deed) -> Project:
        """Return the project, if the token may do `deed` in it.

        Raises:
            NotAllowed: see `organization`.
            ProjectMissing: there is none, or the token is for another project.
        """
        owner = self.organization(organization, deed)
        found = _project(owner, slug_or_id)
        if found is None or self.token.project not in {None, found}:
            raise ProjectMissing(organization=owner.slug, slug=slug_or_id)
        return found


def organization(slug: str) -> Organization:
    """Return the organization called `slug`, asking for no token.

    Raises:
        OrganizationMissing: there is none.
    """
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise OrganizationMissing(slug)
    return found


def project(organization_slug: str, slug: str) -> Project:
    """Return the project called `slug`, asking for no token.

    Raises:
        OrganizationMissing: there is no such organization.
        ProjectMissing: it has no such project.
    """
    owner = organization(organization_slug)
    found = _project(owner, slug)
    if found is None:
        raise ProjectMissing(organization=organization_slug, slug=slug)
    return found


def _project(owner: Organization, slug_or_id: str) -> Project | None:
    if "\0" in slug_or_id:  # Postgres does not even take the question
        return None
    projects = Project.objects.filter(organization=owner).select_related("organization")
    found = projects.filter(slug=slug_or_id).first()
    if found is None and is_row_id(slug_or_id):
        found = projects.filter(pk=int(slug_or_id)).first()
    return found
