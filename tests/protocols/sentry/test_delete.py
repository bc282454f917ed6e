"""Deleting a debug file deletes what only it uses; it can be uploaded again at once."""

import pytest
from tests.factories import (
    Answer,
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_file,
    a_project,
    files_url,
    pieces,
    polled,
    send,
    standing,
    upload,
)
from tests.protocols.sentry.multipart import called, kept

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import BlobMissing
from symdepot.domain.ids import Checksum
from symdepot.projects.tokens import Scope
from symdepot.uploads.models import (
    Assembly,
    AwaitedChunk,
    Chunk,
    ChunkOwner,
    File,
    FileChunk,
)

pytestmark = pytest.mark.django_db


def delete(row_id: object, *, scope: Scope = Scope.WRITE, **where: str) -> Answer:
    client = a_client(where.get("organization", "acme"), scopes=[scope])
    return client.delete(files_url(**where) + f"?id={row_id}")


@pytest.mark.upstream(62)
@pytest.mark.parametrize("scope", [Scope.WRITE, Scope.ADMIN])
def test_delete_deletes_exactly_the_file_with_that_id(scope: Scope) -> None:
    row = a_debug_file(a_project())

    unknown = delete(row.pk + 1, scope=scope)
    assert unknown.status_code == 404
    assert unknown.json() == {
        "detail": f"There is no debug file '{row.pk + 1}' in this project."
    }
    assert DebugFile.objects.filter(pk=row.pk).exists()

    right = delete(row.pk, scope=scope)
    assert (right.status_code, right.content) == (204, b"")
    assert not DebugFile.objects.exists()
    assert delete(row.pk, scope=scope).status_code == 404


@pytest.mark.upstream(64)
def test_a_token_of_another_project_deletes_nothing_here() -> None:
    project, other = a_project(), a_project("other")
    row = a_debug_file(project)
    theirs = a_client(project=other, scopes=[Scope.WRITE])
    ours = a_client(project=project, scopes=[Scope.WRITE])

    answer = theirs.delete(files_url() + f"?id={row.pk}")
    assert answer.status_code == 404
    assert DebugFile.objects.filter(pk=row.pk).exists()

    assert ours.delete(files_url() + f"?id={row.pk}").status_code == 204
    assert not DebugFile.objects.exists()


@pytest.mark.upstream(65)
def test_a_file_of_another_organization_cannot_be_deleted() -> None:
    theirs = a_debug_file(a_project())
    a_project("mine", organization="other")
    client = a_client("other", scopes=[Scope.READ, Scope.WRITE])
    url = files_url(project="mine", organization="other") + f"?id={theirs.pk}"

    assert client.get(url).status_code == 404
    assert client.delete(url).status_code == 404
    assert DebugFile.objects.filter(pk=theirs.pk).exists()


@pytest.mark.parametrize("row_id", ["", "0", "-1", "abc", "%00", "9" * 30])
def test_an_invalid_id_deletes_nothing(row_id: str) -> None:
    a_debug_file(a_project())

    assert delete(row_id).status_code == 404
    assert DebugFile.objects.count() == 1


def test_a_missing_id_deletes_nothing() -> None:
    a_debug_file(a_project())

    answer = a_client().delete(files_url())

    assert answer.status_code == 404
    assert DebugFile.objects.count() == 1


@pytest.mark.upstream(70)
def test_rows_and_blobs_are_deleted_together() -> None:
    a_project()
    found = upload(a_client(), a_breakpad_file(), piece=40)

    assert delete(found["dif"]["id"]).status_code == 204

    for rows in (
        Assembly.objects,
        AwaitedChunk.objects,
        Chunk.objects,
        ChunkOwner.objects,
        DebugFile.objects,
        File.objects,
        FileChunk.objects,
    ):
        assert not rows.exists()
    assert list(blob_store()) == []


def test_a_deleted_file_can_be_uploaded_again_at_once() -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    first = upload(client, content, piece=40)
    delete(first["dif"]["id"])

    assert polled(client, content)["state"] == "not_found"
    status = standing(client, content, piece=40)
    assert status["missingChunks"] == [Checksum.of(c).hex for c in pieces(content, 40)]

    again = upload(client, content, piece=40)
    assert again["state"] == "ok"
    assert again["dif"]["id"] != first["dif"]["id"]
    body = client.get(files_url(), {"id": again["dif"]["id"]}).getvalue()
    assert body == content


def test_chunks_of_other_files_are_kept() -> None:
    a_project()
    client, shared = a_client(), b"INFO shared\n"
    head = a_breakpad_file()
    other = a_breakpad_file().ljust(len(head), b"\n")
    gone = upload(client, head + shared, piece=len(head))
    send(client, other)
    stays = standing(client, other + shared, piece=len(head))

    delete(gone["dif"]["id"])

    assert kept() == called(other, shared)
    body = client.get(files_url(), {"id": stays["dif"]["id"]}).getvalue()
    assert body == other + shared


def test_the_same_file_of_another_project_is_kept() -> None:
    a_project("game")
    a_project("tool")
    client, content = a_client(), a_breakpad_file()
    gone = upload(client, content, project="game")
    stays = upload(client, content, project="tool")

    delete(gone["dif"]["id"])

    assert polled(client, content)["state"] == "not_found"
    body = client.get(files_url(project="tool"), {"id": stays["dif"]["id"]})
    assert body.getvalue() == content
    assert upload(client, content, project="game")["state"] == "ok"


def test_chunks_of_an_unfinished_upload_are_kept() -> None:
    a_project()
    client, shared = a_client(), a_breakpad_file()
    gone = upload(client, shared)
    rest = b"INFO the rest\n"
    whole = shared + rest
    status = standing(client, whole, piece=len(shared))
    assert status["missingChunks"] == [Checksum.of(rest).hex]

    delete(gone["dif"]["id"])

    assert kept() == called(shared)
    send(client, rest)
    assert standing(client, whole, piece=len(shared))["state"] == "ok"


def test_chunks_sent_again_since_are_kept() -> None:
    a_project()
    content = a_breakpad_file()
    gone = upload(a_client(), content)
    other = a_client("other")
    send(other, content, organization="other")

    delete(gone["dif"]["id"])

    assert kept("other") == called(content)
    a_project(organization="other")
    assert standing(other, content, organization="other")["state"] == "ok"


def test_a_superseded_file_can_be_deleted_by_its_id() -> None:
    project = a_project()
    one = a_debug_file(project)
    two = a_debug_file(project, debug_id=one.object_file().debug_id)

    assert delete(one.pk).status_code == 204
    assert list(DebugFile.objects.all()) == [two]


def test_a_superseded_file_is_found_again_when_the_newer_one_is_deleted() -> None:
    project = a_project()
    one = a_debug_file(project)
    debug_id = one.object_file().debug_id
    two = a_debug_file(project, debug_id=debug_id)

    assert delete(two.pk).status_code == 204

    [listed] = a_client().get(files_url(), {"debug_id": str(debug_id)}).json()
    assert listed["id"] == str(one.pk)


@pytest.mark.usefixtures("disk")
def test_a_download_during_deletion_is_complete_or_aborted() -> None:
    half = b"x" * (2 << 20)
    project, client = a_project(), a_client()
    one, several = a_debug_file(project, half), a_debug_file(project)
    DebugFile.objects.filter(pk=several.pk).update(file=a_file(project, half, b"rest"))

    sent = []
    for row in (one, several):
        answer: Answer = client.get(files_url(), {"id": row.pk})
        blocks = iter(answer.streaming_content)
        sent.append((row, next(blocks), blocks))
    for row in (one, several):
        assert delete(row.pk).status_code == 204

    (_, first, rest), (_, begun, lost) = sent
    assert first + b"".join(rest) == half
    # A client sees that it is cut off, since it knows how much there is to come.
    with pytest.raises(BlobMissing):
        b"".join([begun, *lost])
