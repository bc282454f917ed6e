"""Knowing a checksum gives no access to the content."""

from collections.abc import Callable

import pytest
from django.test import Client
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_part,
    a_project,
    files_url,
    pieces,
    polled,
    send,
    standing,
    upload,
)
from tests.protocols.sentry.multipart import Part, kept, post
from tests.protocols.sentry.zip_uploads import zipped

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import QuotaExceeded
from symdepot.domain.ids import Checksum
from symdepot.pipeline import upload_requests
from symdepot.projects.models import Project
from symdepot.uploads import chunks
from symdepot.uploads.models import Chunk, ChunkProof, File

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


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


@pytest.fixture
def tool() -> Project:
    """A project beside `game`, in the same organization."""
    a_project()
    return a_project("tool")


def of_organization(_: Project) -> Client:
    return a_client()


def of_game(_: Project) -> Client:
    return a_client(project=a_project())


@pytest.mark.parametrize("sender", [of_organization, of_game])
def test_a_token_of_one_project_proves_possession_for_itself(
    tool: Project, sender: Callable[[Project], Client]
) -> None:
    content, own = a_breakpad_file(), a_client(project=tool)
    upload(sender(tool), content, piece=50)
    hexes = [Checksum.of(chunk).hex for chunk in pieces(content, 50)]

    before = standing(own, content, piece=50, project="tool")
    send(own, *pieces(content, 50)[:-1])
    between = standing(own, content, piece=50, project="tool")
    send(own, pieces(content, 50)[-1])
    after = standing(own, content, piece=50, project="tool")

    assert (before["state"], before["missingChunks"]) == ("not_found", hexes)
    assert (between["state"], between["missingChunks"]) == ("not_found", hexes[-1:])
    assert after["state"] == "ok"
    assert Chunk.objects.count() == len(hexes)
    assert File.objects.count() == 1


def test_a_token_of_one_project_cannot_wait_for_the_chunks_of_others(
    tool: Project,
) -> None:
    content, own = a_breakpad_file(), a_client(project=tool)
    standing(own, content, project="tool")

    send(a_client(), content)

    assert standing(own, content, project="tool")["state"] == "not_found"
    assert own.get(files_url(project="tool")).json() == []


def test_an_organization_token_uses_what_tokens_of_projects_have_sent(
    tool: Project,
) -> None:
    content = a_breakpad_file()
    upload(a_client(project=tool), content, project="tool")

    assert standing(a_client(), content)["state"] == "ok"


def test_files_of_the_own_project_need_not_be_sent_again(tool: Project) -> None:
    content = a_breakpad_file()
    upload(a_client(), content, project="tool")

    found = standing(a_client(project=tool), content, project="tool")

    assert found["state"] == "ok"


def test_a_proof_is_for_one_project(tool: Project) -> None:
    content, game = a_breakpad_file(), a_project()
    upload(a_client(project=game), content)
    checksum = Checksum.of(content)
    acme = tool.organization

    assert list(chunks.owned_sizes(acme, [checksum], confined_to=game)) == [checksum]
    assert chunks.owned_sizes(acme, [checksum], confined_to=tool) == {}


def test_a_damaged_chunk_loses_its_proofs(tool: Project) -> None:
    content, own = a_breakpad_file(), a_client(project=tool)
    upload(own, content, project="tool")

    chunks.forget_damaged(Checksum.of(content))

    assert not ChunkProof.objects.exists()
    assert standing(own, content, project="tool")["state"] == "not_found"
    assert upload(own, content, project="tool")["state"] == "ok"


def test_a_quota_does_not_reveal_the_chunks_of_other_projects(tool: Project) -> None:
    content, own = a_breakpad_file(), a_client(project=tool)
    upload(a_client(), content)
    organization = tool.organization
    organization.quota_bytes = len(content)
    organization.save()
    other = a_breakpad_file()

    answers = [standing(own, each, project="tool") for each in (content, other)]

    assert [answer["state"] for answer in answers] == ["error", "error"]
    assert answers[0]["detail"] == answers[1]["detail"]
    with pytest.raises(QuotaExceeded):
        upload_requests.accept_chunks(
            organization, {Checksum.of(content): len(content)}, confined_to=tool
        )
    assert Checksum.of(content) in blob_store()


def test_a_zip_proves_possession_of_what_is_in_it(tool: Project) -> None:
    content, own = a_breakpad_file(), a_client(project=tool)
    upload(a_client(), content)
    archive = a_part(zipped({"hello.sym": content}), called="debug.zip")

    answer = own.post(files_url(project="tool"), {"file": archive})

    assert answer.status_code == 201
    assert [row["sha1"] for row in answer.json()] == [Checksum.of(content).hex]
