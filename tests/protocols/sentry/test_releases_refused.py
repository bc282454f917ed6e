"""Invalid releases and unsupported calls are refused with a reason."""

import pytest
from django.test import Client
from tests.factories import a_client, a_project
from tests.protocols.sentry.release_requests import (
    BOTH,
    GAME,
    ORGANIZATION,
    put,
    say,
)

from symdepot.projects.models import Release

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["nowhere", "4711", 4712, "theirs", "\x00", "²"])
def test_an_unknown_project_is_refused(name: object) -> None:
    a_project()
    a_project("theirs", "other")

    answer = say(a_client(), ORGANIZATION, version="1.0", projects=["game", name])

    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": f"There is no project {str(name)!r} in organization 'acme' "
            "that this token may see."
        },
    )
    assert not Release.objects.exists()


def test_an_unknown_release_is_not_archived() -> None:
    a_project()

    answer = say(
        a_client(), ORGANIZATION, version="1.0", projects=[], status="archived"
    )

    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "There is no release '1.0' yet: to make it, name the projects "
            "that it is of."
        },
    )


@pytest.mark.parametrize("method", ["get", "put", "delete"])
@pytest.mark.parametrize("version", ["2.0", "%00", "1.0%2F", "..", "%FF"])
@BOTH
def test_an_unknown_release_is_not_found(path: str, method: str, version: str) -> None:
    a_project()
    say(a_client(), GAME, version="1.0")

    answer = a_client().generic(
        method.upper(), f"{path}{version}/", "{}", content_type="application/json"
    )

    assert answer.status_code == 404
    assert list(answer.json()) == ["detail"]


@pytest.mark.parametrize(
    "version",
    [
        *("", " ", ".", "..", " 1", "1 ", "\u00a01", "x" * 251),
        *("1\n", "a\nb", "a\rb", "a\tb", "a\x00b", "a\u2028b"),
    ],
)
@BOTH
def test_invalid_versions_are_refused(path: str, version: str) -> None:
    a_project()

    answer = say(a_client(), path, version=version, projects=["game"])

    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith("Invalid release version: a version ")
    assert not Release.objects.exists()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "Invalid json body"),
        ("{", "Invalid json body"),
        ('{"version": "\\ud800"}', "Invalid json body"),
        ("[]", "Input should be an object"),
        ("{}", "version: Field required"),
        ('{"version": 1}', "version: Input should be a valid string"),
        ('{"version": "1", "projects": "game"}', "projects: Input should be a valid"),
        ('{"version": "1", "status": "lost"}', "status: Input should be 'open' or"),
        ('{"version": "1", "dateReleased": "soon"}', "dateReleased: Input should be"),
        (
            '{"version": "1", "dateReleased": "9999-12-31T23:59:59-23:00"}',
            "dateReleased: Value error, not a time in UTC",
        ),
        ('{"version": "1", "url": "a\\u0000"}', "url: at most 2000 characters"),
        ('{"version": "1", "commits": [{}]}', "This server keeps debug files, and no"),
        ('{"version": "1", "refs": [{}]}', "This server keeps debug files, and no"),
    ],
)
def test_invalid_bodies_are_refused_with_a_reason(body: str, error: str) -> None:
    a_project()

    answer = a_client().post(GAME, body, content_type="application/json")

    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith(error)
    assert not Release.objects.exists()


@BOTH
def test_there_are_no_commits_and_no_deploys(path: str) -> None:
    a_project()
    client = a_client()
    say(client, GAME, version="1.0")

    assert client.get(path + "1.0/commits/").json() == []
    assert client.get(path + "1.0/deploys/").json() == []
    assert client.get(path + "1.0/previous-with-commits/").json() == {}
    assert client.get("/api/0/organizations/acme/repos/").json() == []
    deploy = say(client, path + "1.0/deploys/", environment="prod")
    commits = put(client, path + "1.0/", commits=[{"id": "1"}])
    assert (deploy.status_code, deploy.json()) == (
        400,
        {"error": "This server keeps debug files, and no deploys."},
    )
    assert (commits.status_code, commits.json()) == (
        400,
        {
            "error": "This server keeps debug files, and no commits: leave out "
            "'releases set-commits', and 'commits' and 'refs' of a release."
        },
    )
    assert client.get(path + "2.0/commits/").status_code == 404
    assert say(client, path + "2.0/deploys/").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/api/0/organizations/acme/artifactbundle/assemble/"),
        ("get", GAME + "1.0/files/"),
        ("post", GAME + "1.0/files/"),
        ("get", ORGANIZATION + "1.0/files/"),
        ("post", ORGANIZATION + "1.0/assemble/"),
        ("post", GAME + "1.0/assemble/"),
    ],
)
def test_source_maps_are_refused_with_a_reason(method: str, path: str) -> None:
    a_project()

    answer = getattr(a_client(), method)(path)

    assert (answer.status_code, answer.json()) == (
        403,
        {
            "detail": "This server keeps debug files, and neither source maps nor "
            "other files of a release."
        },
    )
    assert getattr(Client(), method)(path).status_code == 401
