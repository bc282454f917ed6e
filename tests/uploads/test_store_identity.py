"""A store and its database know each other by an id."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from tests.concurrency import run_at_once
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_project,
    assemble,
    described,
    files_url,
    keep,
    own,
    polled,
    send,
    standing,
    upload,
)
from tests.protocols.eliot import payloads
from tests.row_ages import age_assemblies
from tests.task_queues import HeldQueue

from symdepot.blobs.configured import blob_store
from symdepot.blobs.local import LocalStore
from symdepot.domain.errors import WrongStore
from symdepot.pipeline import upload_requests
from symdepot.pipeline.fsck import checker
from symdepot.pipeline.gc import collector
from symdepot.uploads import store_identity
from symdepot.uploads.models import Assembly, Chunk, State, StoreIdentity

pytestmark = pytest.mark.django_db

type Replace = Callable[[Path], None]
SENTENCE = b"The storage is not the one of this database"


def nothing_there(folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    blob_store.cache_clear()  # a server notices within seconds


def empty_mount_point(folder: Path) -> None:
    nothing_there(folder)
    folder.mkdir()


def another_store(folder: Path) -> None:
    nothing_there(folder)
    LocalStore(folder).write_id("another")


def put_back(folder: Path) -> None:
    if folder.exists():
        folder.rename(folder.with_name("wrong"))
    folder.with_name("away").rename(folder)


def files_below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


REPLACEMENTS = pytest.mark.parametrize(
    "replace",
    [nothing_there, empty_mount_point, another_store],
    ids=["no-folder", "empty-mount-point", "another-store"],
)
KNOWN_ID = "A" * 32 + "0"
KNOWN = a_breakpad_file(KNOWN_ID)
DOORS: dict[str, Callable[[Client], Any]] = {
    "chunk upload": lambda client: send(client, b"new"),
    "assemble": lambda client: assemble(client, described(KNOWN)),
    "list": lambda client: client.get(files_url()),
    "download": lambda client: client.get(files_url(), {"id": "1"}),
    "breakpad": lambda client: client.get(f"/hello/{KNOWN_ID}/hello.sym"),
    "symbolicate": lambda client: client.post(
        "/symbolicate", {"stacktraces": [], "modules": []}, "application/json"
    ),
    "symbolicate v5": lambda client: payloads.send({"jobs": []}, client),
    "ready": lambda client: client.get("/health/ready"),
}


def statuses(client: Client) -> dict[str, int]:
    return {door: ask(client).status_code for door, ask in DOORS.items()}


@REPLACEMENTS
def test_with_a_wrong_store_each_door_answers_503_and_nothing_is_written(
    disk: Path, replace: Replace
) -> None:
    a_project()
    client = a_client()
    assert upload(client, KNOWN)["state"] == "ok"
    with_its_store = statuses(client)
    assert 503 not in with_its_store.values()
    replace(disk)
    before = files_below(disk)

    for door, ask in DOORS.items():
        answer = ask(client)
        assert (door, answer.status_code) == (door, 503)
        assert SENTENCE in answer.content
    assert Client().get("/health/live").status_code == 200
    unknown = client.get(f"/hello/{'B' * 32}0/hello.sym")
    assert unknown.status_code == 404
    assert files_below(disk) == before

    put_back(disk)
    assert statuses(client) == with_its_store


def test_gc_and_fsck_change_nothing_without_their_store(disk: Path) -> None:
    own(a_project(), b"loose")
    empty_mount_point(disk)

    for work in (
        collector.collect,
        collector.preview,
        partial(checker.check, hashing=False),
    ):
        with pytest.raises(WrongStore):
            work()

    assert Chunk.objects.count() == 1
    assert files_below(disk) == []


def test_a_disk_that_goes_after_a_check_marks_nothing_as_missing(disk: Path) -> None:
    checksums = list(keep(b"a blob"))
    store = blob_store()
    store.open(checksums[0]).close()
    empty_mount_point(disk)

    with pytest.raises(WrongStore):
        store.open(checksums[0])
    with pytest.raises(WrongStore), store.on_disk(checksums[0]):
        pass
    with pytest.raises(WrongStore):
        _ = checksums[0] in store
    with pytest.raises(WrongStore):
        store.receive()
    assert files_below(disk) == []


def test_an_upload_waits_for_its_store_without_losing_an_attempt(
    disk: Path, held_queue: HeldQueue
) -> None:
    a_project()
    client = a_client()
    own(a_project(), KNOWN)
    standing(client, KNOWN)
    empty_mount_point(disk)

    held_queue.work()

    row = Assembly.objects.get()
    assert (row.state, row.attempts, row.lease_holder) == (State.CREATED, 0, "")

    put_back(disk)
    age_assemblies(timedelta(hours=1))
    assert upload_requests.requeue_abandoned() == 1
    held_queue.work()
    assert polled(client, KNOWN)["state"] == "ok"
    assert Assembly.objects.get().attempts == 1


def test_a_store_of_an_earlier_version_is_given_an_id(disk: Path) -> None:
    own(a_project(), b"old")
    forget_ids(disk)

    assert len(list(blob_store())) == 1

    assert (
        disk / "store-id"
    ).read_text().strip() == StoreIdentity.objects.get().store_id


def test_an_empty_store_is_refused_if_the_database_has_chunks(disk: Path) -> None:
    own(a_project(), b"old")
    forget_ids(disk)
    empty_mount_point(disk)

    with pytest.raises(WrongStore):
        blob_store().require_known()

    assert files_below(disk) == []
    assert not StoreIdentity.objects.exists()


def test_an_id_that_was_not_written_before_a_crash_is_written(disk: Path) -> None:
    StoreIdentity.objects.create(pk=1, store_id="begun")

    blob_store().require_known()

    assert LocalStore(disk).read_id() == "begun"


@pytest.mark.django_db(transaction=True)
def test_processes_that_start_at_once_agree_on_one_id(disk: Path) -> None:
    stores = [LocalStore(disk) for _ in range(8)]

    ids = run_at_once([partial(store_identity.expected_id, each) for each in stores])

    assert {*ids, stores[0].read_id()} == {StoreIdentity.objects.get().store_id}


@REPLACEMENTS
def test_an_operator_can_attach_another_store(disk: Path, replace: Replace) -> None:
    own(a_project(), b"old")
    replace(disk)
    running = blob_store()
    with pytest.raises(WrongStore):
        running.require_known()

    store_identity.adopt(blob_store())

    running.require_known()
    assert LocalStore(disk).read_id() == StoreIdentity.objects.get().store_id


def forget_ids(folder: Path) -> None:
    (folder / "store-id").unlink()
    StoreIdentity.objects.all().delete()
    blob_store.cache_clear()
