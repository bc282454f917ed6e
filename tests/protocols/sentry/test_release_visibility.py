"""Releases of projects and organizations are separate."""

import pytest
from django.test import Client
from tests.factories import a_client, a_debug_file, a_project, files_url
from tests.protocols.sentry.release_requests import (
    GAME,
    ORGANIZATION,
    TOOL,
    an_association,
    put,
    say,
    slugs,
    versions,
)

from symdepot.domain.ids import Checksum
from symdepot.domain.objects import Format
from symdepot.projects.models import Release

pytestmark = pytest.mark.django_db

ASSOCIATE = files_url("dsyms/associate/")
MAPPINGS = files_url("proguard-artifact-releases")
VERSION = "app@1.0"
OURS = Checksum.of(b"ours").hex
MAPPING_ID = "67e9247c-814e-392b-a027-dbde6748fcbf"
SHARED = "Release '1.0' is of other projects, too, which this token may not touch."


def test_adding_a_project_to_a_release_counts_as_new() -> None:
    a_project()
    a_project("tool")
    client = a_client()
    say(client, GAME, version="1.0")

    answer = say(client, TOOL, version="1.0")

    assert (answer.status_code, slugs(answer)) == (201, ["game", "tool"])
    assert versions(client, GAME) == versions(client, TOOL) == ["1.0"]


def test_the_file_count_only_includes_visible_files() -> None:
    game, tool = a_project(), a_project("tool")
    client = a_client()
    say(client, ORGANIZATION, version="1.0", projects=["game", "tool"])
    say(client, ORGANIZATION, version="2.0", projects=["game"])
    release = Release.objects.get(version="1.0")
    for project in (game, game, tool):
        an_association(release, project)

    def counts(client: Client) -> list[int]:
        return [row["debugFileCount"] for row in client.get(ORGANIZATION).json()]

    assert counts(client) == [0, 3]
    assert counts(a_client(project=game)) == [0, 2]
    assert counts(a_client(project=tool)) == [1]


def test_a_token_of_one_project_sees_no_releases_of_others() -> None:
    game = a_project()
    a_project("tool")
    say(a_client(), ORGANIZATION, version="1.0", projects=["tool"])
    say(a_client(), ORGANIZATION, version="2.0", projects=["game", "tool"])
    own = a_client(project=game)

    assert versions(own) == versions(own, GAME) == ["2.0"]
    assert slugs(own.get(ORGANIZATION + "2.0/")) == ["game"]
    assert own.get(ORGANIZATION + "1.0/").status_code == 404
    assert own.get(TOOL).status_code == 404


def test_a_token_of_one_project_changes_no_release_of_others() -> None:
    game = a_project()
    a_project("tool")
    everyone, own = a_client(), a_client(project=game)
    say(everyone, ORGANIZATION, version="1.0", projects=["tool"])
    before = everyone.get(ORGANIZATION).json()

    answers = [
        put(own, ORGANIZATION + "1.0/", url="x"),
        own.delete(ORGANIZATION + "1.0/"),
        say(own, ORGANIZATION, version="1.0", projects=[], status="archived"),
        say(own, ORGANIZATION, version="1.0", projects=["tool"]),
        say(own, GAME, version="1.0", projects=["tool"]),
        say(own, TOOL, version="1.0"),
        say(own, GAME, version="1.0", status="archived"),
    ]

    assert [a.status_code for a in answers] == [404, 404, 400, 400, 400, 404, 403]
    assert everyone.get(ORGANIZATION).json() == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (GAME, {"version": VERSION}),
        (ORGANIZATION, {"version": VERSION, "projects": ["game"]}),
        (ASSOCIATE, {"appId": "app", "version": "1.0", "checksums": [OURS]}),
        (MAPPINGS, {"release_name": VERSION, "proguard_uuid": MAPPING_ID}),
    ],
)
def test_a_token_of_one_project_joins_no_release_of_others(
    path: str, body: dict[str, object]
) -> None:
    game = a_project()
    a_project("tool")
    everyone, own = a_client(), a_client(project=game)
    a_debug_file(game, b"ours", debug_id=MAPPING_ID, format=Format.PROGUARD)
    say(everyone, ORGANIZATION, version=VERSION, projects=["tool"], url="theirs")

    refused = own.post(path, body, content_type="application/json")

    assert refused.status_code == 403, refused.content
    assert "Version 'app@1.0' is taken by other projects" in refused.json()["detail"]
    assert own.get(ORGANIZATION + VERSION + "/").status_code == 404
    release = everyone.get(ORGANIZATION + VERSION + "/").json()
    assert [project["slug"] for project in release["projects"]] == ["tool"]


def test_a_token_of_one_project_cannot_change_a_shared_release() -> None:
    game = a_project()
    a_project("tool")
    everyone, own = a_client(), a_client(project=game)
    shared = ["tool", "game"]
    say(everyone, ORGANIZATION, version="1.0", projects=shared, url="theirs")

    joined = say(own, GAME, version="1.0", url="mine")
    changed = put(own, GAME + "1.0/", url="mine")
    archived = say(own, GAME, version="1.0", status="archived")
    deleted = own.delete(GAME + "1.0/")

    assert (joined.status_code, slugs(joined)) == (208, ["game"])
    for refused in (changed, archived, deleted):
        assert (refused.status_code, refused.json()) == (403, {"detail": SHARED})
    release = everyone.get(ORGANIZATION + "1.0/").json()
    assert (release["url"], release["status"]) == ("theirs", "open")
    assert [project["slug"] for project in release["projects"]] == ["game", "tool"]


def test_a_release_of_one_project_is_not_found_in_another() -> None:
    a_project()
    a_project("tool")
    client = a_client()
    say(client, GAME, version="1.0")

    assert versions(client, TOOL) == []
    assert client.get(TOOL + "1.0/").status_code == 404
    assert client.delete(TOOL + "1.0/").status_code == 404
    assert client.get(GAME + "1.0/").status_code == 200


def test_organizations_have_separate_versions() -> None:
    a_project()
    a_project("game", "other")
    for organization in ("acme", "other"):
        path = f"/api/0/organizations/{organization}/releases/"
        answer = say(a_client(organization), path, version="1.0", projects=["game"])
        assert answer.status_code == 201

    a_client("other").delete("/api/0/organizations/other/releases/1.0/")

    assert versions(a_client()) == ["1.0"]
