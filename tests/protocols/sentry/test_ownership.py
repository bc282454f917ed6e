"""Knowing a checksum gives no access to the content."""

import pytest
from django.test import Client
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_project,
    files_url,
    pieces,
    polled,
    send,
    standing,
    upload,
)
from tests.protocols.sentry.multipart import Part, kept, post

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.uploads.models import Chunk, File

pytestmark = pytest.mark.django_db


@pytest.fixture
def theirs() -> bytes:
    """A file of another organization, that everybody knows the checksum of."""
    a_project()
    a_project(organization="other")
    content = a_breakpad_file()
    upload(a_client("other"), content, organization="other", piece=50)
    return content


def ours(content: bytes, client: Client) -> dict[str, object]:
    return standing(client, content, piece=50)


def test_a_known_checksum_gives_no_access(theirs: bytes) -> None:
    client = a_client()

    found = ours(theirs, client)

    assert found["state"] == "not_found"
    assert found["missingChunks"] == [Checksum.of(c).hex for c in pieces(theirs, 50)]
    assert found["dif"] is None
    assert polled(client, theirs)["state"] == "not_found"


def test_garbage_under_the_checksum_of_a_foreign_chunk_gives_no_access(
    theirs: bytes,
) -> None:
    client = a_client()

    for chunk in pieces(theirs, 50):
        answer = post(client, Part(b"garbage", called=Checksum.of(chunk).hex))
        assert answer.status_code == 400

    assert ours(theirs, client)["state"] == "not_found"
    assert kept("acme") == {}
    assert b"".join(kept("other").values()) != b""


def test_all_chunks_but_one_give_no_access(theirs: bytes) -> None:
    client = a_client()
    *most, last = pieces(theirs, 50)

    send(client, *most)

    assert ours(theirs, client)["missingChunks"] == [Checksum.of(last).hex]


def test_sending_the_bytes_gives_access_without_a_second_copy(
    theirs: bytes,
) -> None:
    client = a_client()

    found = upload(client, theirs, piece=50)

    assert found["state"] == "ok"
    assert File.objects.count() == 1
    assert Chunk.objects.count() == len(pieces(theirs, 50))
    assert DebugFile.objects.count() == 2


def test_projects_of_one_organization_need_send_bytes_only_once() -> None:
    a_project("game")
    a_project("tool")
    client, content = a_client(), a_breakpad_file()
    upload(client, content, project="game")

    found = standing(client, content, project="tool")

    assert found["state"] == "ok"
    rows = client.get(files_url(project="tool")).json()
    assert [row["sha1"] for row in rows] == [Checksum.of(content).hex]


def test_a_file_belongs_to_another_project_only_after_an_upload_request() -> None:
    a_project("game")
    a_project("tool")
    client, content = a_client(), a_breakpad_file()
    upload(client, content, project="game")

    assert client.get(files_url(project="tool")).json() == []


def test_organizations_may_split_the_same_file_differently(
    theirs: bytes,
) -> None:
    client = a_client()

    found = upload(client, theirs, piece=33)

    assert found["state"] == "ok"
    body = client.get(files_url(), {"id": found["dif"]["id"]}).getvalue()
    assert body == theirs
