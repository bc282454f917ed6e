"""Debug files and mappings can be associated with releases."""

from typing import Any

import pytest
from django.test import Client
from tests.factories import (
    Answer,
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_project,
    files_url,
    upload,
)
from tests.protocols.sentry.release_requests import GAME, say

from symdepot.debugfiles import missing_ids
from symdepot.debugfiles.models import Association, DebugFile, WantedId
from symdepot.domain.ids import Checksum
from symdepot.domain.objects import Format
from symdepot.projects.models import AuditEntry, Project, Release

pytestmark = pytest.mark.django_db

MAPPINGS = files_url("proguard-artifact-releases")


def associate(client: Client, *contents: bytes, **differing: Any) -> Answer:
    body = {
        "platform": "android",
        "checksums": [Checksum.of(content).hex for content in contents],
        "name": "MyApp",
        "appId": "com.example",
        "version": "1.0",
        "build": "7",
        **differing,
    }
    return client.post(
        files_url("dsyms/associate/"), body, content_type="application/json"
    )


def a_mapping_of(project: Project, **differing: Any) -> DebugFile:
    usual = {"format": Format.PROGUARD, "arch": "any", "name": "proguard-mapping"}
    return a_debug_file(project, **{**usual, **differing})


def name(client: Client, release: str, mapping: str) -> Answer:
    body = {"release_name": release, "proguard_uuid": mapping}
    return client.post(MAPPINGS, body, content_type="application/json")


def ids(client: Client, **query: Any) -> set[str]:
    return {row["id"] for row in client.get(files_url(), query).json()}


def associated() -> set[tuple[str, int]]:
    rows = Association.objects.select_related("release")
    return {(row.release.version, row.debug_file_id) for row in rows}


def test_files_are_associated_with_the_release_of_an_app() -> None:
    project = a_project()
    client, content = a_client(), a_breakpad_file()
    debug_file = upload(client, content)["dif"]
    a_debug_file(project)

    answer = associate(client, content, b"unknown")

    row = DebugFile.objects.get(pk=debug_file["id"])
    assert (answer.status_code, answer.json()) == (
        200,
        {"associatedDsymFiles": [debug_file]},
    )
    assert associated() == {("com.example@1.0+7", row.pk)}
    assert list(Release.objects.get().projects.all()) == [project]
    (noted,) = AuditEntry.objects.filter(action="release.created")
    assert (noted.subject, noted.project_slug) == ("com.example@1.0+7", "game")


@pytest.mark.parametrize("build", [None, ""])
def test_the_version_has_no_build_if_none_is_given(build: str | None) -> None:
    a_debug_file(a_project(), b"content")

    associate(a_client(), b"content", build=build)

    assert Release.objects.get().version == "com.example@1.0"


def test_all_objects_of_a_file_are_associated_even_superseded_ones() -> None:
    project = a_project()
    one = a_debug_file(project, b"fat", arch="x86_64")
    two = a_debug_file(project, b"fat", arch="arm64")
    a_debug_file(project, b"new", debug_id=one.object_file().debug_id)

    answer = associate(a_client(), b"fat")

    assert len(answer.json()["associatedDsymFiles"]) == 2
    assert {row for _, row in associated()} == {one.pk, two.pk}


def test_files_that_were_associated_before_are_not_returned() -> None:
    a_debug_file(a_project(), b"one")
    a_debug_file(a_project(), b"two")
    client = a_client()
    associate(client, checksums=[Checksum.of(b"one").hex.upper(), "none"])

    second = associate(client, b"one", b"two").json()["associatedDsymFiles"]
    third = associate(client, b"one", b"two").json()["associatedDsymFiles"]

    assert [row["sha1"] for row in second] == [Checksum.of(b"two").hex]
    assert third == []
    assert Association.objects.count() == 2


def test_files_of_another_project_are_not_associated() -> None:
    a_project()
    a_debug_file(a_project("tool"), b"theirs")

    answer = associate(a_client(), b"theirs")

    assert answer.json() == {"associatedDsymFiles": []}
    assert not Release.objects.exists()


def test_an_existing_release_gets_the_project() -> None:
    project = a_project()
    a_project("tool")
    say(
        a_client(),
        "/api/0/projects/acme/tool/releases/",
        version="com.example@1.0+7",
        url="theirs",
    )
    a_debug_file(project, b"content")

    associate(a_client(), b"content")

    release = Release.objects.get()
    assert release.url == "theirs"
    assert {p.slug for p in release.projects.all()} == {"game", "tool"}


@pytest.mark.parametrize(
    ("differing", "error"),
    [
        ({"checksums": "x"}, "checksums: Input should be a valid array"),
        ({"appId": None}, "appId: Input should be a valid string"),
        ({"version": 1}, "version: Input should be a valid string"),
        ({"version": "1\n"}, "Invalid release version: "),
        ({"version": "x" * 250}, "Invalid release version: "),
    ],
)
def test_an_invalid_version_is_refused(
    differing: dict[str, object], error: str
) -> None:
    a_debug_file(a_project(), b"content")

    answer = associate(a_client(), b"content", **differing)

    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith(error)
    assert not Release.objects.exists()


@pytest.mark.parametrize("path", [files_url("dsyms/associate/"), MAPPINGS, GAME])
@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"null"])
def test_an_invalid_body_is_refused(path: str, body: bytes) -> None:
    a_project()

    answer = a_client().post(path, body, content_type="application/json")

    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


def test_a_mapping_is_associated_with_a_release_once() -> None:
    project = a_project()
    row = a_mapping_of(project)
    client = a_client()

    first = name(client, "com.example@1.0+7", row.debug_id)
    second = name(client, "com.example@1.0+7", row.debug_id.upper())
    other = name(client, "com.example@1.1", row.debug_id)

    assert (first.status_code, first.content) == (201, b"")
    assert (second.status_code, second.json()) == (
        409,
        {
            "error": "Proguard artifact release with this name in this project "
            "already exists."
        },
    )
    assert other.status_code == 201
    assert associated() == {
        ("com.example@1.0+7", row.pk),
        ("com.example@1.1", row.pk),
    }
    assert client.get(GAME).json()[0]["version"] == "com.example@1.1"
    found = client.get(MAPPINGS, {"proguard_uuid": row.debug_id})
    assert found.json() == {"releases": ["com.example@1.0+7", "com.example@1.1"]}


def test_two_mappings_can_have_the_same_release() -> None:
    project = a_project()
    one, two = a_mapping_of(project), a_mapping_of(project)
    client = a_client()

    answers = [name(client, "1.0", row.debug_id) for row in (one, two)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert associated() == {("1.0", one.pk), ("1.0", two.pk)}


def test_a_mapping_uploaded_again_is_associated_again() -> None:
    project = a_project()
    old = a_mapping_of(project)
    client = a_client()
    name(client, "1.0", old.debug_id)
    new = a_mapping_of(project, debug_id=old.object_file().debug_id)

    answers = [name(client, version, old.debug_id) for version in ("1.0", "2.0")]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert associated() == {("1.0", old.pk), ("1.0", new.pk), ("2.0", new.pk)}
    found = client.get(MAPPINGS, {"proguard_uuid": old.debug_id})
    assert found.json() == {"releases": ["1.0", "2.0"]}
    counted = [row["debugFileCount"] for row in client.get(GAME).json()]
    assert counted == [1, 1]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "Missing required fields: release_name, proguard_uuid"),
        ({"release_name": "1"}, "Missing required fields: proguard_uuid"),
        ({"proguard_uuid": "x"}, "Missing required fields: release_name"),
        (
            {"release_name": "", "proguard_uuid": None},
            "Missing required fields: release_name, proguard_uuid",
        ),
        ({"release_name": "1", "proguard_uuid": "x"}, "Invalid proguard_uuid"),
        (
            {
                "release_name": "1",
                "proguard_uuid": "5a1f5801-e670-5b40-bf4d-297de812091e",
            },
            "No matching proguard mapping file with this uuid found",
        ),
    ],
)
def test_an_unknown_or_invalid_mapping_is_refused(
    body: dict[str, object], error: str
) -> None:
    a_mapping_of(a_project())

    answer = a_client().post(MAPPINGS, body, content_type="application/json")

    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert not Release.objects.exists()


@pytest.mark.parametrize("version", [" ", "..", "a\nb", "x" * 251])
def test_a_mapping_is_not_associated_with_an_invalid_version(version: str) -> None:
    row = a_mapping_of(a_project())

    answer = name(a_client(), version, row.debug_id)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Invalid release version: ")


def test_mappings_of_other_projects_have_no_releases() -> None:
    elf = a_debug_file(a_project())
    theirs = a_mapping_of(a_project("tool"))
    client = a_client()

    answers = [name(client, "1.0", row.debug_id) for row in (elf, theirs)]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert client.get(MAPPINGS).json() == {"releases": None}
    query = {"proguard_uuid": theirs.debug_id}
    assert client.get(MAPPINGS, query).json() == {"releases": []}
    assert client.get(MAPPINGS, {"proguard_uuid": "x"}).json() == {
        "error": "Invalid proguard_uuid"
    }


def test_a_list_can_be_filtered_by_release() -> None:
    project = a_project()
    client = a_client()
    one, two = a_debug_file(project, b"one"), a_debug_file(project, b"two")
    associate(client, b"one")
    associate(client, b"two", build=None)
    release = "com.example@1.0+7"

    assert ids(client) == {str(one.pk), str(two.pk)}
    assert ids(client, release=release) == {str(one.pk)}
    assert ids(client, release=release, query="hello") == {str(one.pk)}
    assert ids(client, release=release, query=one.debug_id) == {str(one.pk)}
    assert ids(client, release=release, query=two.debug_id) == set()
    assert ids(client, release=release, debug_id=one.debug_id) == {str(one.pk)}
    assert ids(client, release=release, debug_id=two.debug_id) == set()
    assert ids(client, release="com.example@1.0") == {str(two.pk)}
    assert ids(client, release="unknown") == ids(client, release="\x00") == set()


def test_a_lookup_within_a_release_records_no_missing_id() -> None:
    row = a_debug_file(a_project())

    assert ids(a_client(), release="1.0", debug_id=row.debug_id) == set()
    missing_ids.COUNTER.flush()

    assert not WantedId.objects.exists()


def test_deleting_a_debug_file_deletes_its_association() -> None:
    row = a_debug_file(a_project(), b"content")
    client = a_client()
    associate(client, b"content")

    assert client.delete(f"{files_url()}?id={row.pk}").status_code == 204

    assert not Association.objects.exists()
    assert Release.objects.count() == 1
