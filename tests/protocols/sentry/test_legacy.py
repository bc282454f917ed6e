"""The calls of old clients after an upload."""

import json

import pytest
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_project,
    files_url,
    upload,
)

from symdepot.domain.ids import Checksum

pytestmark = pytest.mark.django_db

REPROCESSING = "/api/0/projects/acme/game/reprocessing/"


@pytest.mark.upstream(55, 56)
@pytest.mark.parametrize("build", [{"build": "1"}, {}])
def test_unknown_files_are_not_associated(build: dict[str, str]) -> None:
    a_project()
    body = {
        "platform": "android",
        "checksums": [Checksum.of(b"a mapping").hex],
        "name": "MyApp",
        "appId": "com.example.myapp",
        "version": "1.0",
        **build,
    }

    answer = a_client().post(
        files_url("dsyms/associate/"), body, content_type="application/json"
    )

    assert (answer.status_code, answer.json()) == (200, {"associatedDsymFiles": []})


def test_reprocessing_is_accepted() -> None:
    a_project()

    answer = a_client().post(REPROCESSING)

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.upstream(76)
def test_unknown_checksums_are_sorted_and_in_lower_case() -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    upload(client, content)
    known = Checksum.of(content).hex
    unknown = sorted(Checksum.of(b"%d" % n).hex for n in range(3))

    checksums = [unknown[2], known.upper(), unknown[0].upper(), unknown[1], unknown[2]]
    answer = client.get(files_url("dsyms/unknown/"), {"checksums": checksums})

    assert (answer.status_code, answer.json()) == (200, {"missing": unknown})


def test_invalid_checksums_are_unknown() -> None:
    a_project()

    answer = a_client().get(
        files_url("dsyms/unknown/"), {"checksums": ["lol", "", "\x00", "ä" * 40]}
    )

    assert answer.json() == {"missing": sorted(["lol", "", "\x00", "ä" * 40])}


def test_without_checksums_none_is_unknown() -> None:
    a_project()

    answer = a_client().get(files_url("dsyms/unknown/"))

    assert (answer.status_code, answer.json()) == (200, {"missing": []})


def test_files_of_other_projects_are_unknown_and_superseded_ones_known() -> None:
    project = a_project()
    old = a_debug_file(project, b"old")
    a_debug_file(project, b"new", debug_id=old.object_file().debug_id)
    a_debug_file(a_project("other"), b"theirs")
    checksums = [Checksum.of(content).hex for content in (b"old", b"new", b"theirs")]

    answer = a_client().get(files_url("dsyms/unknown/"), {"checksums": checksums})

    assert answer.json() == {"missing": [checksums[2]]}


def test_the_response_is_json_whatever_the_accept_header() -> None:
    a_project()

    answer = a_client().get(files_url("dsyms/"), headers={"Accept": "text/html"})

    assert answer["Content-Type"].startswith("application/json")
    assert json.loads(answer.content) == []
