"""Upload requests, from the first one to `ok`."""

import pytest
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_project,
    assemble,
    own,
    pieces,
    polled,
    send,
    standing,
    upload,
)
from tests.task_queues import HeldQueue

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.uploads import assembly
from symdepot.uploads.models import Assembly, File, FileChunk, State

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

NOT_FOUND: dict[str, object] = {
    "state": "not_found",
    "missingChunks": [],
    "detail": None,
    "dif": None,
}
ASSEMBLING: dict[str, object] = {
    "state": "assembling",
    "missingChunks": [],
    "detail": None,
    "dif": None,
}


def hexes(*contents: bytes) -> list[str]:
    return [Checksum.of(content).hex for content in contents]


@pytest.mark.upstream(3)
def test_chunks_of_another_organization_count_as_missing() -> None:
    a_project()
    content = a_breakpad_file()
    parts = pieces(content, 50)
    own(a_project(organization="other"), *parts)

    found = standing(a_client(), content, piece=50)

    assert found == {**NOT_FOUND, "missingChunks": hexes(*parts)}


@pytest.mark.upstream(4)
def test_a_complete_file_is_assembling(
    held_queue: HeldQueue,
) -> None:
    # sentry-cli takes a `created` that it hears first for the end of the story.
    content = a_breakpad_file()
    own(a_project(), *pieces(content, 50))
    client = a_client()

    first = standing(client, content, piece=50)

    assert first == ASSEMBLING
    assert standing(client, content, piece=50) == polled(client, content) == ASSEMBLING
    held_queue.work()
    assert standing(client, content, piece=50)["state"] == "ok"


def test_a_file_assembled_within_the_wait_is_ok_at_once() -> None:
    content = a_breakpad_file()
    own(a_project(), content)

    assert standing(a_client(), content)["state"] == "ok"


@pytest.mark.upstream(5)
def test_known_content_is_ok_whatever_the_request() -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    upload(client, content)
    Assembly.objects.all().delete()

    answers = [
        standing(client, content),
        standing(client, content, piece=7),
        polled(client, content),
    ]

    assert {(a["state"], *a["missingChunks"], a["detail"]) for a in answers} == {
        ("ok", None)
    }
    assert {a["dif"]["sha1"] for a in answers} == {Checksum.of(content).hex}


@pytest.mark.upstream(6)
def test_the_missing_chunk_of_an_unknown_file_is_listed() -> None:
    a_project()
    content = a_breakpad_file()

    found = standing(a_client(), content)

    assert found == {**NOT_FOUND, "missingChunks": hexes(content)}


@pytest.mark.upstream(7)
def test_only_the_missing_chunk_of_three_is_listed() -> None:
    a_project()
    content = a_breakpad_file()
    first, second, third = pieces(content, 50)[:3]
    client = a_client()
    send(client, first, third)
    other = a_client("other")
    send(other, second, organization="other")

    found = assemble(
        client,
        {
            Checksum.of(first + second + third).hex: {
                "name": "x",
                "chunks": hexes(first, second, third),
            }
        },
    )

    assert list(found.json().values()) == [
        {**NOT_FOUND, "missingChunks": hexes(second)}
    ]


@pytest.mark.upstream(8)
def test_a_complete_file_is_queued_once_with_the_client_metadata(
    held_queue: HeldQueue,
) -> None:
    content = a_breakpad_file("67E9247C814E392BA027DBDE6748FCBF0")
    project = a_project()
    own(project, *pieces(content, 50))
    client = a_client()

    for _ in range(3):
        assert standing(client, content, piece=50, name="a/b.sym") == ASSEMBLING

    row = Assembly.objects.get()
    assert held_queue.assemblies == [row.pk]
    assert (row.project, row.checksum) == (project, Checksum.of(content).hex)
    assert (row.name, row.debug_id) == ("a/b.sym", "")
    assert row.chunks == hexes(*pieces(content, 50))


@pytest.mark.upstream(9)
def test_a_file_is_recorded_with_its_checksum_and_its_three_chunks() -> None:
    a_project()
    content = a_breakpad_file()
    size = len(content) // 3 + 1

    found = upload(a_client(), content, piece=size)

    file = File.objects.get()
    places = FileChunk.objects.filter(file=file).order_by("position")
    assert found["state"] == "ok"
    assert (file.checksum, file.size_bytes) == (Checksum.of(content).hex, len(content))
    assert list(places.values_list("chunk__checksum", flat=True)) == hexes(
        *pieces(content, size)
    )


@pytest.mark.upstream(10)
def test_a_known_breakpad_file_under_another_name_keeps_its_row() -> None:
    a_project()
    client = a_client()
    content = a_breakpad_file("67E9247C814E392BA027DBDE6748FCBF0")
    upload(client, content, name="crash.sym")

    found = standing(client, content, name="another.sym")

    row = DebugFile.objects.get()
    created = row.file.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert found == {
        "state": "ok",
        "missingChunks": [],
        "detail": None,
        "dif": {
            "id": str(row.pk),
            "uuid": "67e9247c-814e-392b-a027-dbde6748fcbf",
            "debugId": "67e9247c-814e-392b-a027-dbde6748fcbf",
            "codeId": None,
            "cpuName": "x86_64",
            "objectName": "crash",
            "symbolType": "breakpad",
            "headers": {"Content-Type": "text/x-breakpad"},
            "size": len(content),
            "sha1": Checksum.of(content).hex,
            "dateCreated": created,
            "symcache": None,
            "data": {"type": "dbg", "features": ["debug", "symtab"]},
        },
    }


@pytest.mark.upstream(11)
def test_garbage_is_an_error_for_every_poll() -> None:
    a_project()
    client, garbage = a_client(), b"garbage"
    upload(client, garbage)

    found = polled(client, garbage)

    assert found == {
        "state": "error",
        "missingChunks": [],
        "detail": "Invalid debug information file: unsupported object file format",
        "dif": None,
    }


@pytest.mark.upstream(17)
def test_three_chunks_of_text_are_assembled_and_end_as_an_error() -> None:
    a_project()

    found = upload(a_client(), b"foobarbaz", piece=3)

    assert found["state"] == "error"
    assert not File.objects.exists()
    assert not DebugFile.objects.exists()


@pytest.mark.upstream(18)
def test_a_breakpad_file_is_one_debug_file_with_its_content_type() -> None:
    project = a_project()
    content = a_breakpad_file()

    found = upload(a_client(), content)

    row = DebugFile.objects.get(project=project)
    assert found["state"] == "ok"
    assert row.file.checksum == Checksum.of(content).hex
    assert found["dif"]["headers"] == {"Content-Type": "text/x-breakpad"}


@pytest.mark.upstream(21)
def test_a_client_may_correct_the_age_of_a_debug_id() -> None:
    a_project()
    content = a_breakpad_file("67E9247C814E392BA027DBDE6748FCBF0")
    claim = "67e9247c-814e-392b-a027-dbde6748fcbf-beef"

    found = upload(a_client(), content, debug_id=claim)

    assert (found["dif"]["debugId"], found["dif"]["uuid"]) == (claim, claim[:36])
    assert DebugFile.objects.get().debug_id == claim


@pytest.mark.parametrize(
    "claim",
    [
        "57e9247c-814e-392b-a027-dbde6748fcbf-beef",
        "57e9247c-814e-392b-a027-dbde6748fcbf",
        "67e9247c-814e-392b-a027",
        "----",
        "beef",
    ],
)
def test_a_claimed_id_with_another_uuid_is_ignored(claim: str) -> None:
    a_project()
    content = a_breakpad_file("67E9247C814E392BA027DBDE6748FCBF1")

    found = upload(a_client(), content, debug_id=claim)

    assert found["dif"]["debugId"] == "67e9247c-814e-392b-a027-dbde6748fcbf-1"


@pytest.mark.upstream(22)
def test_the_assembly_row_exists_only_while_the_upload_is_unfinished() -> None:
    project, checksum = a_project(), Checksum.of(b"foobarbaz")
    assert assembly.rows_by_checksum(project, [checksum]) == {}

    upload(a_client(), b"foobarbaz")
    row = assembly.rows_by_checksum(project, [checksum])[checksum]
    Assembly.objects.all().delete()

    assert row.state == State.ERROR
    assert row.detail.startswith("Invalid debug information file")
    assert assembly.rows_by_checksum(project, [checksum]) == {}
