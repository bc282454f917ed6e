"""Concurrent deletion and upload of the same content never loses content."""

from collections.abc import Callable

import pytest
from django.test import Client
from tests import environment
from tests.concurrency import run_at_once
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_project,
    files_url,
    send,
    standing,
    upload,
)

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import contents
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.uploads.models import Chunk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(110)]

ROUNDS = 25 if environment.IS_THOROUGH else 8
SHARED = b"INFO shared by all\n"


def delete_request(client: Client, row_id: str) -> Callable[[], int]:
    return lambda: client.delete(files_url() + f"?id={row_id}").status_code


def upload_request(client: Client, content: bytes, head: int) -> Callable[[], int]:
    """Return an upload that sends chunks again after a 503, as clients do."""

    def run() -> int:
        for _ in range(5):
            statuses = {
                send(client, content[:head]).status_code,
                send(client, content[head:]).status_code,
            }
            if statuses == {200}:
                break
        standing(client, content, piece=head)
        return 200

    return run


def assert_all_content_is_stored() -> None:
    kept = set(blob_store())
    assert {Checksum(c) for c in Chunk.objects.values_list("checksum", flat=True)} <= (
        kept
    )
    for row in DebugFile.objects.select_related("file"):
        content = b"".join(
            blob_store().open(chunk).read()
            for chunk, _ in contents.file_content(row).chunks
        )
        assert Checksum.of(content).hex == row.file.checksum


@pytest.mark.slow
def test_deleting_a_file_while_another_with_the_same_chunk_arrives() -> None:
    a_project()
    deleter, uploader = a_client(), a_client()
    old = a_breakpad_file() + SHARED
    head = len(old) - len(SHARED)
    for _ in range(ROUNDS):
        gone = upload(deleter, old, piece=head)
        new = a_breakpad_file().ljust(head, b"\n") + SHARED

        statuses = run_at_once(
            [
                delete_request(deleter, gone["dif"]["id"]),
                upload_request(uploader, new, head),
            ]
        )

        assert statuses[0] == 204
        assert_all_content_is_stored()
        found = standing(uploader, new, piece=head)
        if found["state"] == "not_found":
            found = upload(uploader, new, piece=head)
        assert found["state"] == "ok"
        delete_request(deleter, found["dif"]["id"])()


def test_deleting_a_file_while_it_is_uploaded_again() -> None:
    a_project()
    deleter, uploader = a_client(), a_client()
    content = a_breakpad_file() + SHARED
    head = len(content) - len(SHARED)
    for _ in range(ROUNDS):
        gone = upload(deleter, content, piece=head)

        run_at_once(
            [
                delete_request(deleter, gone["dif"]["id"]),
                upload_request(uploader, content, head),
            ]
        )

        assert_all_content_is_stored()
        assert upload(uploader, content, piece=head)["state"] == "ok"


def test_concurrent_deletions_of_one_file() -> None:
    a_project()
    clients = [a_client() for _ in range(4)]
    content = a_breakpad_file()
    for _ in range(5):
        row_id = upload(clients[0], content)["dif"]["id"]

        statuses = run_at_once([delete_request(client, row_id) for client in clients])

        assert set(statuses) <= {204, 404}
        assert 204 in statuses
        assert not DebugFile.objects.exists()
        assert list(blob_store()) == []
