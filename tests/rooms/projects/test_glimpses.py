"""One lookup tells who reads; whoever is in doubt is left to those who say why."""

from datetime import timedelta

import pytest
from django.utils import timezone
from tests.factories import a_project, an_organization

from symdepot.projects import access, token_lookup, tokens
from symdepot.projects.access import Caller
from symdepot.projects.models import Organization, Project, Token
from symdepot.projects.token_lookup import ReaderRecord
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def a_used_token(place: Organization | Project, scope: Scope = Scope.READ) -> str:
    token = tokens.create_token(place, scopes=[scope], by="me", label="gdb")
    tokens.authenticate(token)
    return token


def test_it_tells_whose_token_it_is_in_the_words_of_the_token() -> None:
    project, owner = a_project(), an_organization()
    narrow, wide = a_used_token(project), a_used_token(owner)
    words = [str(token) for token in Token.objects.order_by("pk")]

    assert token_lookup.find_reader(narrow) == ReaderRecord(
        owner.pk, project.pk, words[0]
    )
    assert token_lookup.find_reader(wide) == ReaderRecord(owner.pk, None, words[1])


@pytest.mark.parametrize("scope", Scope)
def test_whoever_may_not_download_is_not_told(scope: Scope) -> None:
    may = scope in {Scope.READ, Scope.WRITE, Scope.ADMIN}

    assert (
        token_lookup.find_reader(a_used_token(a_project(), scope)) is not None
    ) == may


def test_a_token_that_is_not_valid_is_not_told() -> None:
    unknown = "symd_unknown"
    revoked, expired = a_used_token(a_project()), a_used_token(a_project())
    first, second = Token.objects.order_by("pk")
    tokens.revoke(first, by="me")
    now = timezone.now()
    Token.objects.filter(pk=second.pk).update(expires_at=now)

    for token in (unknown, "", revoked, expired):
        assert token_lookup.find_reader(token) is None
    Token.objects.filter(pk=second.pk).update(expires_at=now + HOUR)
    assert token_lookup.find_reader(expired) is not None


def test_a_token_whose_use_is_to_be_noted_is_left_to_who_notes_it() -> None:
    never = tokens.create_url_token(a_project(), by="me")
    assert token_lookup.find_reader(never) is None

    tokens.authenticate(never)
    assert token_lookup.find_reader(never) is not None

    a_while_ago = timezone.now() - tokens.LAST_USE_PRECISION - timedelta(seconds=1)
    Token.objects.update(last_used_at=a_while_ago)
    assert token_lookup.find_reader(never) is None


@pytest.mark.parametrize("slugs", [[], ["game"], ["game", "engine"]])
def test_the_sole_project_is_the_one_that_others_take_it_for(slugs: list[str]) -> None:
    for slug in slugs:
        a_project(slug)
    a_project("theirs", "strangers")
    wide = a_used_token(an_organization())
    places = [a_used_token(a_project(slug)) for slug in slugs]

    for token in (wide, *places):
        who = token_lookup.find_reader(token)
        assert who is not None
        sole = access.sole_project(Caller(tokens.authenticate(token)))
        assert token_lookup.sole_project_id(who) == (sole and sole.pk)
