"""Each endpoint of releases requires one of the scopes of its permission."""

from collections.abc import Callable

import pytest
from django.test import Client
from tests.factories import Answer, a_client, a_project, files_url
from tests.protocols.sentry.release_requests import GAME, ORGANIZATION, put, say

from symdepot.projects.models import Release, Token
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

type Deed = Callable[[Client], Answer]

ANY = "project:read, project:releases, org:ci, project:write, project:admin"
SENDING = "project:releases, org:ci, project:write, project:admin"
DELETE = "project:releases, project:admin"
BUNDLES = "/api/0/organizations/acme/artifactbundle/assemble/"
MAPPINGS = files_url("proguard-artifact-releases")

DEEDS: dict[str, tuple[Deed, str, str]] = {
    "projects": (
        lambda client: client.get("/api/0/organizations/acme/projects/"),
        "list projects",
        ANY,
    ),
    "repos": (
        lambda client: client.get("/api/0/organizations/acme/repos/"),
        "list releases",
        ANY,
    ),
    "list": (lambda client: client.get(ORGANIZATION), "list releases", ANY),
    "list of project": (lambda client: client.get(GAME), "list releases", ANY),
    "tell": (lambda client: client.get(GAME + "1.0/"), "list releases", ANY),
    "commits": (
        lambda client: client.get(GAME + "1.0/commits/"),
        "list releases",
        ANY,
    ),
    "make": (
        lambda client: say(client, GAME, version="2.0"),
        "make or change releases",
        SENDING,
    ),
    "change": (
        lambda client: put(client, ORGANIZATION + "1.0/"),
        "make or change releases",
        SENDING,
    ),
    "delete": (
        lambda client: client.delete(GAME + "1.0/"),
        "delete releases",
        DELETE,
    ),
    "mappings": (lambda client: client.get(MAPPINGS), "list debug files", ANY),
}
REFUSED: dict[str, tuple[Deed, str, str]] = {
    "deploy": (
        lambda client: say(client, GAME + "1.0/deploys/"),
        "make or change releases",
        SENDING,
    ),
    "bundle": (lambda client: say(client, BUNDLES), "upload debug files", SENDING),
    "name": (lambda client: say(client, MAPPINGS), "upload debug files", SENDING),
}
ALL = {**DEEDS, **REFUSED}


@pytest.mark.parametrize("named", ALL)
def test_one_of_the_scopes_of_an_endpoint_suffices_and_no_other_does(
    named: str,
) -> None:
    deed, words, sufficient = ALL[named]
    a_project()
    writer = a_client()
    client, answers = a_client(scopes=[]), {}
    token = Token.objects.latest("pk")
    for scope in (*Scope, ""):
        Release.objects.all().delete()
        say(writer, GAME, version="1.0")
        Token.objects.filter(pk=token.pk).update(scopes=[scope] if scope else [])
        answers[scope] = deed(client)

    lacking = f"This token may not {words}: it needs one of the scopes {sufficient}."
    refused = (403, {"detail": lacking})
    allowed = sufficient.split(", ")
    assert {
        scope: (got.status_code, got.json())
        for scope, got in answers.items()
        if scope not in allowed
    } == {scope: refused for scope in answers if scope not in allowed}
    if named in DEEDS:
        statuses = {answers[scope].status_code for scope in allowed}
        assert statuses <= {200, 201, 204}
    else:
        assert {"detail": lacking} not in [answers[scope].json() for scope in allowed]


@pytest.mark.parametrize("named", ALL)
def test_a_token_of_another_organization_is_refused(named: str) -> None:
    a_project()
    say(a_client(), GAME, version="1.0")

    answer = ALL[named][0](a_client("other", scopes=list(Scope)))

    assert (answer.status_code, answer.json()) == (
        403,
        {"detail": "This token belongs to organization 'other', not to 'acme'."},
    )


@pytest.mark.parametrize("named", ALL)
def test_every_endpoint_of_releases_requires_a_token(named: str) -> None:
    a_project()

    answer = ALL[named][0](Client())

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert list(answer.json()) == ["detail"]
