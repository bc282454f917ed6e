"""Decides which projects a caller may read and change.

Two kinds of callers. A `Caller` names an organization or a project and needs a
permission for it, as in Sentry's API. A `Reader` names neither, as debuggers do: it
searches all that it may read. A reader costs one query, since debuggers send thousands
of requests.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache

from django.db.models import QuerySet
from django.utils import timezone

from symdepot.domain.errors import NotAllowed, ProjectMissing, Unauthenticated
from symdepot.projects import organizations, sql, tokens
from symdepot.projects.models import Organization, Project, Token, display_token
from symdepot.projects.sql import TokenRow
from symdepot.projects.tokens import Scope

_ANY = (Scope.READ, Scope.RELEASES, Scope.CI, Scope.WRITE, Scope.ADMIN)
_SENDING = (Scope.RELEASES, Scope.CI, Scope.WRITE, Scope.ADMIN)


class Permission(Enum):
    """An action, in words, and the scopes that each allow it.

    Source: spec/sentry-server 4.2 and 4.3. There a token of CI may list but not
    download; deleting debug files needs `project:write` besides the scope of the
    endpoint.
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

    def require(self, scopes: frozenset[str]) -> None:
        """Check the scopes of a token.

        Raises:
            NotAllowed: none of them allows this.
        """
        if scopes.isdisjoint(self.scopes):
            raise NotAllowed(
                f"This token may not {self.words}: it needs "
                f"one of the scopes {', '.join(self.scopes)}."
            )


@dataclass(frozen=True, slots=True)
class AccessScope:
    """An organization, or its one project, that a caller may read and change.

    `is_confined`: the token is for that project, and must not touch what other projects
    have, too.
    """

    organization: Organization
    project: Project | None
    is_confined: bool

    def projects(self) -> QuerySet[Project]:
        """Return the projects that the token may see, sorted by slug."""
        rows = Project.objects.filter(organization=self.organization)
        if self.is_confined and self.project is not None:
            rows = rows.filter(pk=self.project.pk)
        return rows.order_by("slug", "pk")


@dataclass(frozen=True, slots=True)
class ReadScope:
    """The projects whose debug files may be read; without ids, all public ones.

    A token never reads public projects of other organizations: otherwise an outsider
    could publish a file under a known debug id and have it served here.
    """

    organization_id: int | None = None
    project_id: int | None = None

    def projects(self) -> QuerySet[Project]:
        """Return the projects, unsorted."""
        if self.project_id is not None:
            return Project.objects.filter(pk=self.project_id)
        if self.organization_id is not None:
            return Project.objects.filter(organization=self.organization_id)
        return Project.objects.filter(is_public=True)


PUBLIC = ReadScope()


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request, with a token."""

    token: Token

    def __str__(self) -> str:
        return str(self.token)

    @property
    def is_confined(self) -> bool:
        """Whether the token is for one project of its organization only."""
        return self.token.project_id is not None

    def organization(self, slug_or_id: str, permission: Permission) -> Organization:
        """Return the organization if it is the token's own.

        Raises:
            NotAllowed: the token belongs elsewhere, or lacks the scope. The text does
                not reveal whether the other organization exists.
        """
        own = self.token.organization
        if slug_or_id not in {own.slug, str(own.pk)}:
            raise NotAllowed(
                f"This token belongs to organization {own.slug!r}, "
                f"not to {slug_or_id!r}."
            )
        permission.require(frozenset(self.token.scopes))
        return own

    def only(self, project: str | None) -> str | None:
        """Return the slug of the only project to list; None is all projects.

        Raises:
            ProjectMissing: the token is for another project.
        """
        own = self.token.project
        if own is not None and project not in {None, own.slug}:
            raise ProjectMissing(
                organization=self.token.organization.slug, slug=project or ""
            )
        return own.slug if own else project

    def project(
        self, organization: str, slug_or_id: str, permission: Permission
    ) -> Project:
        """Return the project.

        Raises:
            NotAllowed: see `organization`.
            ProjectMissing: no such project, or the token is for another one.
        """
        owner = self.organization(organization, permission)
        found = organizations.find_project(owner, slug_or_id)
        if found is None or self.token.project not in {None, found}:
            raise ProjectMissing(organization=owner.slug, slug=slug_or_id)
        return found

    def reach(
        self, organization: str, project: str | None, permission: Permission
    ) -> AccessScope:
        """Return the access scope; without `project`, of every project it may see.

        Raises:
            NotAllowed: see `organization`.
            ProjectMissing: see `project`.
        """
        owner, own = self.organization(organization, permission), self.token.project
        if project is None:
            return AccessScope(owner, own, is_confined=own is not None)
        named = self.project(organization, project, permission)
        return AccessScope(owner, named, is_confined=own is not None)

    def read_scope(self) -> ReadScope:
        """Return the projects whose debug files the token may read.

        Raises:
            NotAllowed: the token may not download.
        """
        Permission.DOWNLOAD.require(frozenset(self.token.scopes))
        return ReadScope(self.token.organization_id, self.token.project_id)

    def sole_project(self) -> Project | None:
        """Return the token's project, or the only one of its organization."""
        if self.token.project is not None:
            return self.token.project
        own = Project.objects.filter(organization=self.token.organization)[:2]
        return own[0] if len(own) == 1 else None


@dataclass(frozen=True, slots=True)
class Reader:
    """A caller that may download debug files; `name` is for the audit log."""

    organization_id: int
    project_id: int | None
    name: str

    def __str__(self) -> str:
        return self.name

    def read_scope(self) -> ReadScope:
        """Return the projects whose debug files it may read."""
        return ReadScope(self.organization_id, self.project_id)

    def sole_project_id(self) -> int | None:
        """Return the id of the token's project, or of its organization's only one."""
        return self.project_id or sql.sole_project_id(self.organization_id)


def read_scope(caller: Caller | Reader | None) -> ReadScope:
    """Return the projects that may be read: public ones without a caller.

    Raises:
        NotAllowed: the token may not download.
    """
    return PUBLIC if caller is None else caller.read_scope()


def find_reader(token: str) -> Reader | None:
    """Look up a token in one query.

    None: unknown, expired, may not download, or its `last_used_at` is due for an
    update; then use `authenticate_reader`.
    """
    row = _find_token(token, timezone.now())
    if row is None or not row.is_use_noted:
        return None
    may_download = not _scopes(row.scopes).isdisjoint(Permission.DOWNLOAD.scopes)
    return _reader(row) if may_download else None


def authenticate_reader(token: str) -> Reader:
    """Look up a token, and update its `last_used_at` if due.

    Raises:
        Unauthenticated: unknown, revoked or expired.
        NotAllowed: it may not download.
    """
    now = timezone.now()
    row = _find_token(token, now)
    if row is None:
        raise Unauthenticated(tokens.INVALID)
    if not row.is_use_noted:
        Token.objects.filter(pk=row.token_id).update(last_used_at=now)
    Permission.DOWNLOAD.require(_scopes(row.scopes))
    return _reader(row)


def _find_token(token: str, now: datetime) -> TokenRow | None:
    return sql.find_token(
        tokens.token_hash(token), now, now - tokens.LAST_USE_PRECISION
    )


def _reader(row: TokenRow) -> Reader:
    return Reader(
        row.organization_id, row.project_id, display_token(row.label, row.hint)
    )


@lru_cache(maxsize=64)
def _scopes(text: str) -> frozenset[str]:
    """Parse scopes as the database writes them; there are few combinations."""
    return frozenset(json.loads(text))
