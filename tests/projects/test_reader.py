"""A reader is looked up by its token in one query."""

from datetime import timedelta

import pytest
from django.utils import timezone
from tests.factories import a_project, an_organization

from symdepot.projects import access, tokens
from symdepot.projects.access import Caller, Reader
from symdepot.projects.models import Organization, Project, Token
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def a_used_token(place: Organization | Project, scope: Scope = Scope.READ) -> str:
    token = tokens.create_token(place, scopes=[scope], by="me", label="gdb")
    tokens.authenticate(token)
    return token


def test_a_reader_has_the_name_of_its_token() -> None:
    project, owner = a_project(), an_organization()
    narrow, wide = a_used_token(project), a_used_token(owner)
    names = [str(token) for token in Token.objects.order_by("pk")]

    assert access.find_reader(narrow) == Reader(owner.pk, project.pk, names[0])
    assert access.find_reader(wide) == Reader(owner.pk, None, names[1])


@pytest.mark.parametrize("scope", Scope)
def test_a_token_that_may_not_download_is_no_reader(scope: Scope) -> None:
    may = scope in {Scope.READ, Scope.WRITE, Scope.ADMIN}

    assert (access.find_reader(a_used_token(a_project(), scope)) is not None) == may


def test_an_invalid_token_is_no_reader() -> None:
    unknown = "symd_unknown"
    revoked, expired = a_used_token(a_project()), a_used_token(a_project())
    first, second = Token.objects.order_by("pk")
    tokens.revoke(first, by="me")
    now = timezone.now()
    Token.objects.filter(pk=second.pk).update(expires_at=now)

    for token in (unknown, "", revoked, expired):
        assert access.find_reader(token) is None
    Token.objects.filter(pk=second.pk).update(expires_at=now + HOUR)
    assert access.find_reader(expired) is not None


def test_a_token_whose_last_use_is_due_is_left_to_authenticate_reader() -> None:
    never = tokens.create_url_token(a_project(), by="me")
    assert access.find_reader(never) is None

    access.authenticate_reader(never)
    assert access.find_reader(never) is not None

    a_while_ago = timezone.now() - tokens.LAST_USE_PRECISION - timedelta(seconds=1)
    Token.objects.update(last_used_at=a_while_ago)
    assert access.find_reader(never) is None


@pytest.mark.parametrize("slugs", [[], ["game"], ["game", "engine"]])
def test_reader_and_caller_have_the_same_sole_project(slugs: list[str]) -> None:
    for slug in slugs:
        a_project(slug)
    a_project("theirs", "strangers")
    wide = a_used_token(an_organization())
    places = [a_used_token(a_project(slug)) for slug in slugs]

    for token in (wide, *places):
        reader = access.find_reader(token)
        assert reader is not None
        sole = Caller(tokens.authenticate(token)).sole_project()
        assert reader.sole_project_id() == (sole and sole.pk)
