"""Tokens are minted once, kept as a hash, and recognised until they end."""

import base64
import hashlib
import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from tests.factories import a_client, a_project, an_organization, chunk_url, files_url

from symdepot.domain.errors import Unauthenticated
from symdepot.projects import tokens
from symdepot.projects.models import Organization, Project, Token
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

SHAPE = re.compile(r"sntrys_([A-Za-z0-9+/]+={0,2})_([A-Za-z0-9+/]{43})").fullmatch
UNKNOWN = "This token is unknown, revoked or expired."


def status(authorization: str) -> int:
    client = Client(headers={"Authorization": authorization})
    return client.get(chunk_url()).status_code


def mint(slug: str = "acme") -> str:
    return tokens.create_token(an_organization(slug), scopes=[Scope.CI], by="me")


@pytest.mark.parametrize("slug", ["a", "ab", "abc", "abcd", "a-rather-long_name-9"])
def test_a_token_says_where_it_belongs_so_that_sentry_cli_need_not_be_told(
    slug: str,
) -> None:
    before = timezone.now().timestamp()

    match = SHAPE(mint(slug))

    assert match is not None
    said = json.loads(base64.b64decode(match[1], validate=True))
    assert before <= said.pop("iat") <= timezone.now().timestamp()
    assert said == {
        "url": "http://depot.test",
        "region_url": "http://depot.test",
        "org": slug,
    }
    assert len(match[1]) % 4 == 0
    assert len(base64.b64decode(match[2] + "=")) == 32


def test_what_a_token_says_is_padded_and_compact() -> None:
    said = mint().split("_")[1]

    assert said == base64.b64encode(base64.b64decode(said)).decode()
    assert b" " not in base64.b64decode(said)


def test_what_a_token_says_is_not_believed(settings: Settings) -> None:
    a_project(organization="other")
    mine, theirs = mint("acme"), mint("other")
    forged = "_".join(["sntrys", theirs.split("_")[1], mine.split("_")[2]])

    client = Client(headers={"Authorization": f"Bearer {forged}"})

    assert client.get(chunk_url("other")).status_code == 401


def test_no_two_tokens_are_the_same() -> None:
    assert len({mint() for _ in range(20)}) == 20


def test_only_a_hash_of_a_token_is_kept() -> None:
    token = mint()

    row = Token.objects.values().get()

    assert row["digest"] == hashlib.sha256(token.encode()).hexdigest()
    assert row["hint"] == token[-4:]
    secret = token.split("_")[2]
    assert secret not in json.dumps(row, default=str)


def test_a_token_is_recognised_with_all_that_it_may() -> None:
    project = a_project()
    later = timezone.now() + timedelta(days=1)

    token = tokens.create_token(
        project,
        scopes=[Scope.WRITE, Scope.READ],
        by="me",
        label="of the build",
        expires_at=later,
    )

    row = tokens.authenticate(token)
    assert (row.organization, row.project) == (project.organization, project)
    assert (row.label, row.expires_at) == ("of the build", later)
    assert row.scopes == ["project:read", "project:write"]
    assert str(row) == f"of the build …{token[-4:]}"


@pytest.mark.parametrize("harm", ["x{}", "{}x", "{} ", "", "sntrys_", "{}\n", "\x00"])
def test_what_is_no_token_is_not_recognised(harm: str) -> None:
    token = harm.format(mint())

    with pytest.raises(Unauthenticated, match=UNKNOWN):
        tokens.authenticate(token)


def test_a_token_of_other_letters_is_not_recognised() -> None:
    with pytest.raises(Unauthenticated):
        tokens.authenticate(mint().swapcase())


def test_a_revoked_token_opens_nothing() -> None:
    token = mint()
    row = tokens.authenticate(token)

    tokens.revoke(row, by="me")
    revoked_at = Token.objects.get().revoked_at
    tokens.revoke(row, by="me")

    with pytest.raises(Unauthenticated):
        tokens.authenticate(token)
    assert Token.objects.get().revoked_at == revoked_at
    assert status(f"Bearer {token}") == 401


@pytest.mark.parametrize(("seconds", "opens"), [(60, True), (0, False), (-60, False)])
def test_a_token_opens_doors_until_it_expires(*, seconds: int, opens: bool) -> None:
    expires_at = timezone.now() + timedelta(seconds=seconds)

    token = tokens.create_token(
        an_organization(), scopes=[Scope.CI], by="me", expires_at=expires_at
    )

    assert status(f"Bearer {token}") == (200 if opens else 401)


def test_the_last_use_of_a_token_is_noted_to_the_minute() -> None:
    token = mint()
    assert Token.objects.get().last_used_at is None

    tokens.authenticate(token)
    first = Token.objects.get().last_used_at
    tokens.authenticate(token)
    assert first is not None
    assert Token.objects.get().last_used_at == first

    Token.objects.update(last_used_at=first - timedelta(minutes=2))
    tokens.authenticate(token)
    again = Token.objects.get().last_used_at
    assert again is not None
    assert again >= first


def test_a_token_that_opens_nothing_is_not_noted_as_used() -> None:
    token = mint()
    tokens.revoke(Token.objects.get(), by="me")

    with pytest.raises(Unauthenticated):
        tokens.authenticate(token)

    assert Token.objects.get().last_used_at is None


def test_a_token_ends_with_its_organization_and_its_project() -> None:
    project = a_project()
    tokens.create_token(project, scopes=[Scope.CI], by="me")
    tokens.create_token(project.organization, scopes=[Scope.CI], by="me")

    Project.objects.all().delete()
    assert Token.objects.count() == 1
    Organization.objects.all().delete()

    assert not Token.objects.exists()


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("space", [" ", "  "])
def test_a_token_is_shown_as_bearer(kind: str, space: str) -> None:
    assert status(f"{kind}{space}{mint()}") == 200


@pytest.mark.parametrize("pair", ["{}:", "{}:anything", ":{}", "{}"])
def test_old_clients_show_a_token_as_user_or_password(pair: str) -> None:
    encoded = base64.b64encode(pair.format(mint()).encode()).decode()

    assert status(f"Basic {encoded}") == 200
    assert status(f"basic {encoded}") == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Token abc",
        "Basic",
        "Basic !!!",
        "Basic é",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Bearer unknown",
        "sntrys_",
    ],
)
def test_everything_else_is_nobody(authorization: str) -> None:
    assert status(authorization) == 401


def test_nobody_hears_why_a_token_is_not_recognised() -> None:
    client = Client(headers={"Authorization": "Bearer unknown"})

    answer = client.get(files_url())

    assert answer.status_code == 401
    assert answer.json() == {"detail": UNKNOWN}
    assert answer["WWW-Authenticate"] == "Bearer"


def test_tokens_are_listed_oldest_first_revoked_ones_too() -> None:
    a_client("acme")
    a_client("other")
    first = Token.objects.order_by("pk")[0]
    tokens.revoke(first, by="me")

    everyone = tokens.list_tokens()

    assert [str(row.organization) for row in everyone] == ["acme", "other"]
    assert tokens.list_tokens(an_organization("acme")) == [first]
