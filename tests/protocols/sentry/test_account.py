"""The token, its organization and its projects."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.factories import a_client, a_project, files_url
from tests.protocols.sentry.release_requests import ORGANIZATION

from symdepot.projects.models import Organization, Project, Token
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

ORGANIZATIONS = "/api/0/organizations/"
PROJECTS = "/api/0/organizations/acme/projects/"


def test_the_scopes_of_the_token_are_returned() -> None:
    a_project()

    answer = a_client(scopes=[Scope.READ, Scope.CI]).get("/api/0/")

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "version": "0",
            "auth": {"scopes": ["org:ci", "project:read"]},
            "user": None,
        },
    )


@pytest.mark.parametrize(
    ("agent", "is_named"),
    [
        ("sentry-cli/2.14.2", True),
        ("sentry-cli/1.77.3", True),
        ("sentry-cli/2.20.0", False),
        ("sentry-cli/3.8.2 github-action/1.2", False),
        ("curl/8", False),
    ],
)
def test_only_old_clients_get_the_token_as_a_user(
    agent: str, *, is_named: bool
) -> None:
    client = a_client(user_agent=agent)
    token = Token.objects.get()

    user = client.get("/api/0/").json()["user"]

    assert user == ({"id": str(token.pk), "email": str(token)} if is_named else None)


def test_only_the_organization_of_the_token_is_listed() -> None:
    a_project()
    a_project("game", "other")
    acme = Organization.objects.get(slug="acme")

    answer = a_client().get(ORGANIZATIONS, {"cursor": ""})

    assert answer.json() == [
        {
            "id": str(acme.pk),
            "slug": "acme",
            "name": "acme",
            "dateCreated": acme.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "isEarlyAdopter": False,
            "require2FA": False,
            "requireEmailVerification": False,
            "features": [],
        }
    ]
    assert 'rel="next"; results="false"' in answer["Link"]
    assert a_client().get(ORGANIZATIONS, {"cursor": "0:100:0"}).json() == []


def test_projects_are_paged() -> None:
    projects = [a_project(f"p{number:03}") for number in range(103)]
    a_project("game", "other")
    client = a_client()

    first = client.get(PROJECTS, {"cursor": ""})
    second = client.get(PROJECTS, {"cursor": "0:100:0"})
    short = client.get(PROJECTS, {"per_page": 2})

    assert first.json()[0] == {
        "id": str(projects[0].pk),
        "slug": "p000",
        "name": "p000",
        "team": None,
        "dateCreated": projects[0].created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    found = [row["slug"] for row in first.json() + second.json()]
    assert found == [project.slug for project in projects]
    assert 'rel="next"; results="true"; cursor="0:100:0"' in first["Link"]
    assert 'rel="next"; results="false"' in second["Link"]
    assert [row["slug"] for row in short.json()] == ["p000", "p001"]


def test_an_organization_can_be_named_by_number() -> None:
    game = a_project()

    answer = a_client().get(f"/api/0/organizations/{game.organization_id}/projects/")

    assert [row["slug"] for row in answer.json()] == ["game"]


def test_a_token_of_one_project_sees_only_that() -> None:
    game = a_project()
    a_project("tool")

    answer = a_client(project=game).get(PROJECTS)

    assert [row["slug"] for row in answer.json()] == ["game"]
    assert Project.objects.count() == 2


def test_a_token_is_looked_up_once_a_request() -> None:
    a_project()
    client = a_client()
    client.get(PROJECTS)

    with CaptureQueriesContext(connection) as queries:
        client.get(PROJECTS)

    about_tokens = [q for q in queries if "projects_token" in q["sql"]]
    assert len(about_tokens) == 1


def test_there_are_no_regions() -> None:
    answer = a_client().get("/api/0/users/me/regions/")

    assert (answer.status_code, answer.json()) == (
        404,
        {"detail": "There is nothing at this address."},
    )


@pytest.mark.parametrize(
    "path", ["/api/0/", ORGANIZATIONS, PROJECTS, ORGANIZATION, files_url()]
)
@pytest.mark.parametrize(
    "client", [Client(), Client(headers={"Authorization": "Bearer no"})]
)
def test_authentication_is_checked_before_parameters(path: str, client: Client) -> None:
    answer = client.get(path, {"per_page": "many"})

    assert answer.status_code == 401
    assert list(answer.json()) == ["detail"]


def test_invalid_parameters_are_reported_to_authenticated_callers() -> None:
    a_project()

    answer = a_client().get(PROJECTS, {"per_page": "many"})

    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
