"""Says which organization or project a client means, and what it may do there.

Which projects somebody may read who names none of them, as debuggers do.
"""

import re
from dataclasses import dataclass
from enum import Enum

from django.db import transaction
from django.db.models import QuerySet

from symdepot.domain.errors import NotAllowed, OrganizationMissing, ProjectMissing
from symdepot.projects import audit
from symdepot.projects.audit import Action
from symdepot.projects.models import Organization, Project, Token
from symdepot.projects.tokens import Scope

_ANY = (Scope.READ, Scope.RELEASES, Scope.CI, Scope.WRITE, Scope.ADMIN)
_SENDING = (Scope.RELEASES, Scope.CI, Scope.WRITE, Scope.ADMIN)

is_row_id = re.compile(r"[0-9]{1,18}").fullmatch
"""Whether a text can be the number of a row, in this or any other table."""


class Permission(Enum):
    """What can be done, in words, and the scopes that each allow it.

    Source: spec/sentry-server 4.2 and 4.3. There a token of CI may list but not
    download; deleting debug files needs `project:write` besides the scope of the door.
    """

    LIST = "list debug files", *_ANY
    UPLOAD = "upload debug files", *_SENDING
    DOWNLOAD = "download debug files", Scope.READ, Scope.WRITE, Scope.ADMIN
    DELETE = "delete debug files", Scope.WRITE, Scope.ADMIN
    AUDIT = "read the audit", Scope.ADMIN
    LIST_PROJECTS = "list projects", *_ANY
    LIST_RELEASES = "list releases", *_ANY
    KEEP_RELEASES = "make or change releases", *_SENDING
    DELETE_RELEASES = "delete releases", Scope.RELEASES, Scope.ADMIN

    def __init__(self, words: str, *scopes: Scope) -> None:
        self.words = words
        self.scopes = scopes


@dataclass(frozen=True, slots=True)
class AccessScope:
    """How far somebody may go: into an organization, or one project of it alone.

    Where the token itself is for that project, it `is_confined`: it must not touch
    what other projects have, too.
    """

    organization: Organization
    project: Project | None
    is_confined: bool

    def projects(self) -> QuerySet[Project]:
        """Return the projects that the token may see, in the order of their slugs."""
        rows = Project.objects.filter(organization=self.organization)
        if self.is_confined and self.project is not None:
            rows = rows.filter(pk=self.project.pk)
        return rows.order_by("slug", "pk")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever showed a token."""

    token: Token

    def __str__(self) -> str:
        return str(self.token)

    def organization(self, slug_or_id: str, deed: Permission) -> Organization:
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
        if not {scope.value for scope in deed.scopes} & set(self.token.scopes):
            raise NotAllowed(
                f"This token may not {deed.words}: it needs "
                f"one of the scopes {', '.join(deed.scopes)}."
            )
        return own

    def only(self, project: str | None) -> str | None:
        """Return the slug of the only project of which the token may hear.

        None is any. For whoever asks about all projects, or about one by its slug.

        Raises:
            ProjectMissing: the token is for another one.
        """
        own = self.token.project
        if own is not None and project not in {None, own.slug}:
            raise ProjectMissing(
                organization=self.token.organization.slug, slug=project or ""
            )
        return own.slug if own else project

    def project(self, organization: str, slug_or_id: str, deed: Permission) -> Project:
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

    def reach(
        self, organization: str, project: str | None, deed: Permission
    ) -> AccessScope:
        """Return how far the token may do `deed`; None is every project it may see.

        Raises:
            NotAllowed: see `organization`.
            ProjectMissing: see `project`.
        """
        own = self.token.project
        if project is not None:
            named = self.project(organization, project, deed)
            return AccessScope(named.organization, named, is_confined=own is not None)
        owner = self.organization(organization, deed)
        return AccessScope(owner, own, is_confined=own is not None)


def organization(slug: str) -> Organization:
    """Return the organization called `slug`, asking for no token.

    Raises:
        OrganizationMissing: there is none.
    """
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise OrganizationMissing(slug)
    return found


def organizations() -> list[Organization]:
    """Return all organizations, by name."""
    return list(Organization.objects.order_by("slug"))


def projects(owner: Organization) -> list[Project]:
    """Return all projects of `owner`, by name."""
    return list(Project.objects.filter(organization=owner).order_by("slug"))


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


def readable_projects(bearer: Caller | None) -> QuerySet[Project]:
    """Return the projects whose debug files may be read: public ones without a token.

    A token shows those of its own organization, or the one it is for, and no public
    ones of others: or anybody with a public project could slip in a file under an id
    that he has seen.

    Raises:
        NotAllowed: the token may not download.
    """
    if bearer is None:
        return Project.objects.filter(is_public=True)
    token = bearer.token
    owner = bearer.organization(token.organization.slug, Permission.DOWNLOAD)
    own = Project.objects.filter(organization=owner)
    return own.filter(pk=token.project_id) if token.project_id else own


def sole_project(bearer: Caller) -> Project | None:
    """Return the one project that the token is for, or that there is; else None."""
    if bearer.token.project is not None:
        return bearer.token.project
    own = Project.objects.filter(organization=bearer.token.organization)[:2]
    return own[0] if len(own) == 1 else None


@transaction.atomic
def set_public(project: Project, *, is_public: bool, by: str) -> None:
    """Let anybody read the debug files of `project`, or its own tokens only."""
    others = Project.objects.filter(pk=project.pk).exclude(is_public=is_public)
    if others.update(is_public=is_public):
        audit.record(
            project,
            Action.PROJECT_CHANGED,
            by=by,
            subject=project.slug,
            is_public=is_public,
        )
