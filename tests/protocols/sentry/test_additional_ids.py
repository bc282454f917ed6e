"""Known content can be registered under further ids."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from tests.concurrency import run_at_once
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_mapping,
    a_project,
    files_url,
    polled,
    standing,
    upload,
)
from tests.fixtures import builders
from tests.protocols.sentry.zip_uploads import posted, zipped
from tests.row_ages import age_assemblies
from tests.task_queues import HeldQueue

from symdepot.debugfiles.models import DebugFile, WantedId
from symdepot.domain.ids import Checksum
from symdepot.pipeline import steps
from symdepot.projects.models import AuditEntry, Project
from symdepot.uploads.models import Assembly, File

pytestmark = pytest.mark.django_db

ONE = UUID("01111111-1111-1111-1111-111111111111")
TWO = UUID("02222222-2222-2222-2222-222222222222")
NO_MAPPING = "This file is not a ProGuard mapping."


def called(uuid: UUID) -> str:
    return f"/proguard/{uuid}.txt"


def again(client: Client, content: bytes, **how: Any) -> str:
    """Offer what is known; return the id that it is known by then."""
    found = standing(client, content, **how)
    assert (found["state"], found["detail"]) == ("ok", None)
    debug_id: str = found["dif"]["debugId"]
    return debug_id


def ids() -> set[str]:
    return set(DebugFile.objects.values_list("debug_id", flat=True))


@pytest.mark.upstream(12)
def test_a_known_mapping_is_ok_at_once_under_another_id() -> None:
    a_project()
    client, content = a_client(), a_mapping()
    first = upload(client, content, name=called(ONE))

    second = standing(client, content, name=called(TWO))

    assert (first["dif"]["uuid"], second["dif"]["uuid"]) == (str(ONE), str(TWO))
    assert second["state"] == "ok"
    assert second["missingChunks"] == []
    assert ids() == {str(ONE), str(TWO)}
    assert File.objects.count() == 1
    for each in (first, second):
        row = client.get(files_url(), {"debug_id": each["dif"]["uuid"]}).json()
        assert row == [each["dif"]]
        assert client.get(files_url(), {"id": row[0]["id"]}).getvalue() == content


@pytest.mark.upstream(13)
def test_a_known_mapping_under_the_same_id_is_not_duplicated() -> None:
    a_project()
    client, content = a_client(), a_mapping()
    upload(client, content, name=called(ONE))

    for _ in range(2):
        assert again(client, content, name=called(TWO)) == str(TWO)
        assert again(client, content, name=called(ONE)) == str(ONE)

    assert DebugFile.objects.count() == 2


@pytest.mark.upstream(14)
def test_known_content_of_another_format_gets_no_further_id() -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    upload(client, content)

    found = standing(client, content, name=called(ONE))

    assert (found["state"], found["detail"]) == ("error", NO_MAPPING)
    assert found["missingChunks"] == []
    assert DebugFile.objects.count() == 1
    assert again(client, content) == DebugFile.objects.get().debug_id


@pytest.mark.upstream(15)
def test_a_mapping_from_a_zip_is_known_to_chunk_uploads() -> None:
    posted(zipped({f"proguard/{ONE}.txt": a_mapping()}))

    assert again(a_client(), a_mapping(), name=called(TWO)) == str(TWO)
    assert ids() == {str(ONE), str(TWO)}


@pytest.mark.upstream(16)
def test_a_mapping_is_known_however_it_was_split() -> None:
    a_project()
    client, content = a_client(), a_mapping("long" * 100)
    upload(client, content, name=called(ONE), piece=64)

    assert again(client, content, name=called(TWO)) == str(TWO)
    assert File.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "first", "second"),
    [
        (builders.bc_symbol_map("_main"), {"debug_id": str(ONE)}, {}),
        (builders.uuid_map(UUID(int=9)), {"name": f"{ONE}.plist"}, {}),
        (builders.il2cpp_map({1: 2}), {"debug_id": str(ONE)}, {}),
        (builders.dart_map("_Main", "a"), {"debug_id": str(ONE)}, {}),
        (a_mapping(), {"name": called(ONE)}, {"name": called(ONE)}),
    ],
)
def test_a_claimed_id_registers_any_mapping_under_another_id(
    content: bytes, first: dict[str, str], second: dict[str, str]
) -> None:
    a_project()
    client = a_client()
    assert upload(client, content, **first)["state"] == "ok"

    assert again(client, content, **second, debug_id=str(TWO)) == str(TWO)
    assert again(client, content, **first) == str(ONE)
    assert ids() == {str(ONE), str(TWO)}


def test_one_dart_symbol_map_can_have_the_ids_of_several_architectures() -> None:
    a_project()
    client, content = a_client(), builders.dart_map("_Main", "a")
    how = {"name": "dartsymbolmap.json"}
    upload(client, content, **how, debug_id=str(ONE))

    assert again(client, content, **how, debug_id=str(TWO)) == str(TWO)


def test_a_corrected_age_is_another_id() -> None:
    a_project()
    client, content = a_client(), builders.pdb(ONE, 1)
    upload(client, content, name="a.pdb")

    found = again(client, content, name="a.pdb", debug_id=f"{ONE}-2f")

    assert found == f"{ONE}-2f"
    assert ids() == {f"{ONE}-1", f"{ONE}-2f"}
    assert again(client, content, name="a.pdb", debug_id=f"{ONE}-1") == f"{ONE}-1"
    assert again(client, content, name="a.pdb", debug_id=str(TWO)) in ids()


def test_a_request_without_an_id_gets_the_existing_row() -> None:
    a_project()
    client, content = a_client(), a_mapping()
    upload(client, content, name=called(ONE))

    assert polled(client, content)["dif"]["debugId"] == str(ONE)
    assert ids() == {str(ONE)}


def test_another_id_has_the_effects_of_an_upload() -> None:
    project = a_project()
    client, content = a_client(), a_mapping()
    upload(client, content, name=called(ONE))
    revision = Project.objects.get().revision
    now = DebugFile.objects.get().created_at
    wanted = {"project": project, "debug_id": str(TWO), "code_id": ""}
    WantedId.objects.create(**wanted, first_at=now, last_at=now)

    again(client, content, name=called(TWO))

    assert Project.objects.get().revision == revision + 1
    assert not WantedId.objects.exists()
    first, second = AuditEntry.objects.filter(action="debug-file.uploaded")
    assert (second.actor, second.details) == (first.actor, first.details)
    assert second.subject == f"{TWO} (proguard-mapping; any)"


def test_another_id_belongs_only_to_that_project() -> None:
    a_project("other")
    a_project()
    client, content = a_client(), a_mapping()
    upload(client, content, name=called(ONE), project="other")
    upload(client, content, name=called(TWO))

    assert again(client, content, name=called(TWO)) == str(TWO)
    assert again(client, content, name=called(ONE), project="other") == str(ONE)
    assert DebugFile.objects.count() == 2


def test_deleting_one_id_keeps_the_other() -> None:
    a_project()
    client, content = a_client(), a_mapping()
    first = upload(client, content, name=called(ONE))
    again(client, content, name=called(TWO))

    client.delete(f"{files_url()}?id={first['dif']['id']}")

    assert again(client, content, name=called(TWO)) == str(TWO)
    assert ids() == {str(TWO)}


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_for_another_id_create_one_row() -> None:
    a_project()
    content = a_mapping()
    upload(a_client(), content, name=called(ONE))
    clients = [a_client() for _ in range(6)]
    offers = [partial(again, client, content, name=called(TWO)) for client in clients]

    found = run_at_once(offers)

    assert found == [str(TWO)] * 6
    assert DebugFile.objects.count() == 2


def test_a_file_deleted_meanwhile_is_missing_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_project()
    client, content = a_client(), a_mapping()
    row = upload(client, content, name=called(ONE))["dif"]["id"]
    enter_again = steps.register_again

    def too_late(*arguments: Any, **named: Any) -> DebugFile | None:
        client.delete(f"{files_url()}?id={row}")
        return enter_again(*arguments, **named)

    monkeypatch.setattr(steps, "register_again", too_late)
    found = standing(client, content, name=called(TWO))

    assert (found["state"], found["missingChunks"]) == (
        "not_found",
        [Checksum.of(content).hex],
    )
    monkeypatch.undo()
    assert upload(client, content, name=called(TWO))["dif"]["uuid"] == str(TWO)


def test_another_id_is_registered_once_the_content_is_assembled(
    held_queue: HeldQueue,
) -> None:
    a_project()
    client, content = a_client(), a_mapping()
    upload(client, content, name=called(ONE))

    assert standing(client, content, name=called(TWO))["state"] == "assembling"
    held_queue.work()

    assert again(client, content, name=called(TWO)) == str(TWO)
    assert ids() == {str(ONE), str(TWO)}


@pytest.mark.parametrize(
    ("content", "wrong", "right"),
    [
        (a_mapping(), {"name": "mapping.txt"}, {"name": called(TWO)}),
        (
            builders.bc_symbol_map("_main"),
            {"name": "a.bcsymbolmap"},
            {"name": "a.bcsymbolmap", "debug_id": str(TWO)},
        ),
        (
            builders.uuid_map(UUID(int=9)),
            {"name": "a.plist"},
            {"name": f"{TWO}.plist"},
        ),
    ],
)
def test_an_error_without_metadata_does_not_apply_to_a_request_with_metadata(
    content: bytes, wrong: dict[str, str], right: dict[str, str]
) -> None:
    a_project()
    client = a_client()
    assert upload(client, content, **wrong)["state"] == "error"
    assert standing(client, content, **wrong)["state"] == "error"
    assert polled(client, content)["state"] == "error"

    found = standing(client, content, **right)

    assert (found["state"], found["dif"]["uuid"]) == ("ok", str(TWO))
    age_assemblies(timedelta(hours=1))
    assert Assembly.objects.get().state == "ok"


def test_the_nil_id_is_refused() -> None:
    a_project()
    client, content = a_client(), a_mapping()
    upload(client, content, name=called(ONE))

    found = standing(client, content, name=called(UUID(int=0)))

    assert found["state"] == "error"
    assert found["detail"].startswith("This file has neither a debug id nor a code id")


def test_a_zip_can_contain_one_content_under_several_ids() -> None:
    three = uuid4()
    posted(zipped({f"proguard/{ONE}.txt": a_mapping()}))

    answer = posted(
        zipped({f"proguard/{each}.txt": a_mapping() for each in (ONE, TWO, three)})
    )

    assert {row["uuid"] for row in answer.json()} == {str(TWO), str(three)}
    assert ids() == {str(ONE), str(TWO), str(three)}
    assert posted(zipped({f"proguard/{TWO}.txt": a_mapping()})).json() == []
