"""A reader reads public projects, or those that its token is for."""

import re

import pytest
from tests.factories import a_project, an_organization

from symdepot.domain.errors import NotAllowed
from symdepot.projects import access, organizations, tokens
from symdepot.projects.access import Caller
from symdepot.projects.models import AuditEntry, Project, Token
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

SHAPE = re.compile(r"symd_[A-Za-z0-9_-]{43}").fullmatch


def readable(token: str | None) -> set[str]:
    """Return the projects that a token may read, by both kinds of callers."""
    callers = (
        [None]
        if token is None
        else [
            Caller(tokens.authenticate(token)),
            access.authenticate_reader(token),
            access.find_reader(token),
        ]
    )
    found = {
        frozenset(row.slug for row in access.read_scope(caller).projects())
        for caller in callers
    }
    [slugs] = found
    return set(slugs)


def publish(project: Project, *, is_public: bool = True) -> None:
    organizations.set_public(project, is_public=is_public, by="me")


def test_a_project_is_private_until_it_is_published() -> None:
    project = a_project("game")
    a_project("engine")

    assert readable(None) == set()
    publish(project)
    assert readable(None) == {"game"}
    publish(project, is_public=False)
    assert readable(None) == set()


def test_the_token_of_an_organization_reads_all_its_projects_and_no_others() -> None:
    a_project("game")
    a_project("engine")
    publish(a_project("poisoned", "emca"))

    token = tokens.create_url_token(an_organization(), by="me")

    assert readable(token) == {"game", "engine"}


def test_the_token_of_a_project_reads_only_that() -> None:
    project = a_project("game")
    publish(a_project("engine"))

    assert readable(tokens.create_url_token(project, by="me")) == {"game"}


@pytest.mark.parametrize("scope", [Scope.CI, Scope.RELEASES])
def test_a_token_that_may_not_download_does_not_read(scope: Scope) -> None:
    token = tokens.create_token(a_project(), scopes=[scope], by="me")

    with pytest.raises(NotAllowed):
        access.read_scope(Caller(tokens.authenticate(token)))
    with pytest.raises(NotAllowed):
        access.authenticate_reader(token)


def test_publishing_is_audited_only_if_it_changes_something() -> None:
    project = a_project("game")

    publish(project, is_public=False)
    publish(project)
    publish(project)

    entry = AuditEntry.objects.get(action="project.changed")
    assert (entry.actor, entry.subject, entry.details) == (
        "me",
        "game",
        {"is_public": True},
    )


def test_a_url_token_needs_no_escaping_and_may_only_read() -> None:
    made = {
        tokens.create_url_token(a_project(), by="me", label="gdb") for _ in range(20)
    }

    assert len(made) == 20
    assert all(SHAPE(token) for token in made)
    assert {tuple(row.scopes) for row in Token.objects.all()} == {("project:read",)}


def test_only_the_hint_of_a_url_token_is_stored() -> None:
    token = tokens.create_url_token(a_project(), by="me", label="gdb")

    row = Token.objects.values().get()
    entry = AuditEntry.objects.values().get(action="token.minted")

    assert row["hint"] == token[-4:]
    assert token[5:20] not in f"{row}{entry}"
