"""Releases are created, changed, archived and deleted."""

import pytest
from tests.factories import a_client, a_project
from tests.protocols.sentry.release_requests import (
    BOTH,
    GAME,
    ORGANIZATION,
    an_association,
    put,
    say,
    slugs,
    versions,
)

from symdepot.debugfiles.models import Association, DebugFile
from symdepot.projects.models import AuditEntry, Release

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@BOTH
def test_a_new_release_is_returned_with_all_fields(path: str) -> None:
    game = a_project()

    answer = say(
        a_client(),
        path,
        version="com.example@1.0+7",
        projects=["game"],
        url="https://example.com/",
        dateStarted="2026-11-23T15:15:41.820630709Z",
        dateReleased="2026-11-23T16:15:41+01:00",
    )

    row = Release.objects.get()
    created = row.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert answer.status_code == 201
    assert answer.json() == {
        "id": row.pk,
        "version": "com.example@1.0+7",
        "shortVersion": "com.example@1.0+7",
        "status": "open",
        "url": "https://example.com/",
        "ref": None,
        "dateCreated": created,
        "dateStarted": "2026-11-23T15:15:41.820630Z",
        "dateReleased": "2026-11-23T15:15:41.000000Z",
        "firstEvent": None,
        "lastEvent": None,
        "newGroups": 0,
        "commitCount": 0,
        "deployCount": 0,
        "lastCommit": None,
        "lastDeploy": None,
        "authors": [],
        "projects": [{"id": game.pk, "slug": "game", "name": "game"}],
        "debugFileCount": 0,
    }
    release = a_client().get(path + "com.example%401.0%2B7/")
    assert release.json() == answer.json()
    assert a_client().get(path).json() == [answer.json()]


@BOTH
def test_creating_a_release_again_updates_it(
    path: str,
) -> None:
    a_project()
    client = a_client()
    say(client, path, version="1", projects=["game"], dateStarted="2026-01-01T00:00Z")

    answer = say(
        client,
        path,
        version="1",
        projects=["game"],
        url="https://example.com/",
        dateStarted="2026-02-02T00:00Z",
    )

    assert answer.status_code == 208
    release = answer.json()
    assert (release["dateStarted"], release["url"]) == (
        "2026-01-01T00:00:00.000000Z",
        "https://example.com/",
    )
    assert Release.objects.count() == 1


def test_projects_are_named_by_slug_or_number() -> None:
    game = a_project()
    tool = a_project("tool")

    answer = say(
        a_client(),
        f"/api/0/organizations/{game.organization_id}/releases/",
        version="1.0",
        projects=[game.pk, str(tool.pk), "tool"],
    )

    assert (answer.status_code, slugs(answer)) == (201, ["game", "tool"])


@BOTH
def test_a_release_is_finalized(path: str) -> None:
    a_project()
    client = a_client()
    say(client, GAME, version="1.0", dateStarted="2026-01-01T00:00:00Z")

    answer = put(
        client,
        path + "1.0/",
        projects=["game"],
        url="https://example.com/",
        dateReleased="2026-01-02T00:00:00",
    )

    assert answer.status_code == 200
    release = answer.json()
    assert (release["dateStarted"], release["dateReleased"], release["url"]) == (
        "2026-01-01T00:00:00.000000Z",
        "2026-01-02T00:00:00.000000Z",
        "https://example.com/",
    )


def test_a_release_is_archived_and_restored() -> None:
    a_project()
    client = a_client()
    say(client, GAME, version="1.0", url="https://example.com/")

    archived = say(client, ORGANIZATION, version="1.0", projects=[], status="archived")
    restored = say(client, ORGANIZATION, version="1.0", projects=[], status="open")

    assert (archived.status_code, archived.json()["status"]) == (208, "archived")
    assert (restored.status_code, restored.json()["status"]) == (208, "open")
    assert restored.json()["url"] == "https://example.com/"


@BOTH
def test_deleting_a_release_keeps_its_debug_files(path: str) -> None:
    game = a_project()
    client = a_client()
    say(client, GAME, version="1.0")
    row = an_association(Release.objects.get(), game)

    answer = client.delete(path + "1.0/")

    assert (answer.status_code, answer.content) == (204, b"")
    assert not Release.objects.exists()
    assert not Association.objects.exists()
    assert DebugFile.objects.filter(pk=row.pk).exists()
    assert client.get(path + "1.0/").status_code == 404


@BOTH
@pytest.mark.parametrize(
    ("version", "escaped"),
    [
        ("a/b@1.0+2", "a%2Fb%401.0%2B2"),
        ("a/b@1.0+2", "a/b@1.0+2"),
        ("Größe 1 %25", "Gr%C3%B6%C3%9Fe%201%20%2525"),
        ("x" * 250, "x" * 250),
        ("new", "new"),
        ("🚀", "%F0%9F%9A%80"),
    ],
)
def test_versions_may_contain_special_characters(
    path: str, version: str, escaped: str
) -> None:
    a_project()
    client = a_client()
    assert say(client, path, version=version, projects=["game"]).status_code == 201

    assert client.get(f"{path}{escaped}/").json()["version"] == version
    assert put(client, f"{path}{escaped}/", url="x").json()["url"] == "x"
    assert client.get(f"{path}{escaped}/commits/").json() == []
    assert client.delete(f"{path}{escaped}/").status_code == 204


def test_releases_are_paged_newest_first() -> None:
    a_project()
    client = a_client()
    for number in range(5):
        say(client, GAME, version=str(number))

    first = client.get(ORGANIZATION, {"per_page": 2})
    last = versions(client, GAME, per_page=2, cursor="0:4:0")

    assert [found["version"] for found in first.json()] == ["4", "3"]
    assert 'rel="next"; results="true"; cursor="0:2:0"' in first["Link"]
    assert last == ["0"]


def test_creating_and_deleting_a_release_is_in_the_audit_log() -> None:
    game = a_project()
    client = a_client()
    say(client, GAME, version="1.0")
    say(client, GAME, version="1.0")
    client.delete(GAME + "1.0/")

    noted = AuditEntry.objects.filter(action__startswith="release.").order_by("pk")

    assert [(e.action, e.project_slug, e.subject, e.details) for e in noted] == [
        ("release.created", "game", "1.0", {"projects": ["game"]}),
        ("release.deleted", "game", "1.0", {"projects": ["game"]}),
    ]
    assert {e.actor for e in noted} == {str(e.actor) for e in noted} - {""}
    assert {e.organization_id for e in noted} == {game.organization_id}
