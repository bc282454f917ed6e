"""The revision grows when debug files arrive, and on request."""

import pytest
from django.test import Client
from tests.factories import a_breakpad_file, a_client, a_project, upload

from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

REVISION = "/api/0/projects/acme/game/revision/"
REPROCESSING = "/api/0/projects/acme/game/reprocessing/"


def revision(client: Client) -> int:
    number: int = client.get(REVISION).json()["revision"]
    return number


def test_the_revision_grows_with_each_file() -> None:
    a_project()
    client = a_client()
    content = a_breakpad_file()
    seen = [revision(client), revision(client)]

    for each in (content, content, a_breakpad_file(), b"garbage"):
        upload(client, each)
        seen.append(revision(client))

    assert seen == [0, 0, 1, 1, 2, 2]


def test_reprocessing_increases_the_revision() -> None:
    a_project()
    a_project("other")
    client = a_client()

    answer = client.post(REPROCESSING)

    assert (answer.status_code, answer.content) == (200, b"")
    assert revision(client) == 1
    assert client.get(REVISION.replace("game", "other")).json() == {"revision": 0}


def test_a_read_token_reads_the_revision_and_cannot_increase_it() -> None:
    a_project()
    client = a_client(scopes=[Scope.READ])

    assert client.post(REPROCESSING).status_code == 403
    assert revision(client) == 0
    assert Client().get(REVISION).status_code == 401
