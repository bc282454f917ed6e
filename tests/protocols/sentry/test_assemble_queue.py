"""Complete files are queued once."""

import time
from datetime import timedelta
from functools import partial
from threading import Thread

import pytest
from django.db import connections
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings
from tests.concurrency import run_at_once
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_project,
    assemble,
    described,
    own,
    pieces,
    polled,
    send,
    standing,
)
from tests.row_ages import age_assemblies
from tests.task_queues import DATABASE, HeldQueue

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline import tasks, upload_requests
from symdepot.uploads.models import Assembly, AwaitedChunk, State

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def queued() -> list[int]:
    """Return the assemblies in the queue of the database, in order."""
    rows = DBTaskResult.objects.order_by("enqueued_at")
    return [i for row in rows for i in row.args_kwargs["kwargs"]["assembly_ids"]]


def test_a_file_is_queued_when_its_last_chunk_arrives(
    held_queue: HeldQueue,
) -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    first, *rest, last = pieces(content, 30)
    assert len(standing(client, content, piece=30)["missingChunks"]) == len(rest) + 2

    send(client, first, *rest)
    assert held_queue.assemblies == []
    send(client, last)

    assert held_queue.assemblies == [Assembly.objects.get().pk]
    send(client, last)
    assert held_queue.assemblies == [Assembly.objects.get().pk]
    held_queue.work()
    assert polled(client, content)["state"] == "ok"
    assert not AwaitedChunk.objects.exists()


def test_one_chunk_may_complete_several_files_in_several_projects(
    held_queue: HeldQueue,
) -> None:
    client = a_client()
    shared = b"INFO shared by both\n"
    files = [a_breakpad_file() + shared for _ in range(2)]
    for name in ("game", "tool"):
        a_project(name)
        for content in files:
            cut = len(content) - len(shared)
            standing(client, content, piece=cut, project=name)
            send(client, content[:cut])
    assert held_queue.assemblies == []

    send(client, shared)

    assert len(held_queue.assemblies) == 4
    held_queue.work()
    assert set(Assembly.objects.values_list("state", flat=True)) == {State.OK}


def test_chunks_of_another_organization_complete_no_file(
    held_queue: HeldQueue,
) -> None:
    a_project()
    content = a_breakpad_file()
    standing(a_client(), content)

    send(a_client("other"), content, organization="other")

    assert held_queue.assemblies == []
    assert standing(a_client(), content)["state"] == "not_found"


def test_a_queued_file_stays_assembling(held_queue: HeldQueue) -> None:
    project = a_project()
    client, content = a_client(), a_breakpad_file()
    own(project, *pieces(content, 30))
    heard = [standing(client, content, piece=30)["state"]]

    for chunks in (30, 31, 1000):
        heard.append(standing(client, content, piece=chunks)["state"])
        heard.append(polled(client, content)["state"])
    age_assemblies(timedelta(days=1))
    heard.append(standing(client, content, piece=31)["state"])
    upload_requests.requeue_abandoned()
    heard.append(polled(client, content)["state"])

    assert set(heard) == {"assembling"}
    held_queue.work()
    assert standing(client, content, piece=31)["state"] == "ok"


def test_an_upload_request_can_be_replaced_while_chunks_are_missing(
    held_queue: HeldQueue,
) -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    standing(client, content, piece=30, name="old.sym")

    found = standing(client, content, piece=40, name="new.sym")

    names = [Checksum.of(c).hex for c in pieces(content, 40)]
    row = Assembly.objects.get()
    assert found["missingChunks"] == row.chunks == names
    assert row.name == "new.sym"
    assert set(AwaitedChunk.objects.values_list("checksum", flat=True)) == set(names)
    send(client, *pieces(content, 30))
    assert held_queue.assemblies == []
    send(client, *pieces(content, 40))
    assert held_queue.assemblies == [row.pk]


def test_a_poll_without_chunks_keeps_the_upload_request(
    held_queue: HeldQueue,
) -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    standing(client, content)

    assert polled(client, content)["missingChunks"] == []

    send(client, content)
    assert held_queue.assemblies == [Assembly.objects.get().pk]


@pytest.mark.django_db(transaction=True)
def test_sixteen_identical_requests_at_once_queue_each_file_once(
    settings: Settings,
) -> None:
    settings.TASKS = DATABASE
    settings.ASSEMBLE_WAIT_SECONDS = 0
    project = a_project()
    files: dict[str, object] = {}
    for _ in range(3):
        content = a_breakpad_file()
        own(project, content)
        files |= described(content)
    clients = [a_client() for _ in range(16)]

    answers = run_at_once([partial(assemble, client, files) for client in clients])

    assert {
        standing["state"] for answer in answers for standing in answer.json().values()
    } == {"assembling"}
    ids = list(Assembly.objects.order_by("pk").values_list("pk", flat=True))
    assert sorted(queued()) == ids
    assert len(ids) == 3


@pytest.mark.django_db(transaction=True)
def test_last_chunks_that_arrive_at_once_queue_their_file_once(
    settings: Settings,
) -> None:
    settings.TASKS = DATABASE
    settings.ASSEMBLE_WAIT_SECONDS = 0
    a_project()
    content = a_breakpad_file()
    parts = pieces(content, 20)
    standing(a_client(), content, piece=20)
    clients = [a_client() for _ in parts]

    run_at_once(
        [partial(send, c, part) for c, part in zip(clients, parts, strict=True)]
    )

    assert queued() == [Assembly.objects.get().pk]


def test_many_files_are_queued_in_several_tasks(settings: Settings) -> None:
    settings.TASKS = DATABASE
    settings.ASSEMBLE_WAIT_SECONDS = 0
    project = a_project()
    files: dict[str, object] = {}
    contents = [a_breakpad_file() for _ in range(20)]
    own(project, *contents)
    for content in contents:
        files |= described(content)

    assemble(a_client(), files)

    assert DBTaskResult.objects.count() == 3
    assert sorted(queued()) == sorted(Assembly.objects.values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_the_response_waits_for_files_in_work(
    settings: Settings,
) -> None:
    settings.TASKS = DATABASE
    settings.ASSEMBLE_WAIT_SECONDS = 20
    project, client = a_project(), a_client()
    good, bad = a_breakpad_file(), b"garbage"
    own(project, good, bad)

    def work() -> None:
        while not (ids := queued()):
            time.sleep(0.01)
        tasks.assemble_files.call(assembly_ids=ids)
        connections.close_all()

    worker = Thread(target=work)
    worker.start()
    answer = assemble(client, {**described(good), **described(bad)}).json()
    worker.join()

    assert answer[Checksum.of(good).hex]["state"] == "ok"
    assert answer[Checksum.of(bad).hex]["state"] == "error"


def test_the_response_does_not_wait_when_chunks_are_missing(
    settings: Settings, held_queue: HeldQueue
) -> None:
    settings.ASSEMBLE_WAIT_SECONDS = 20
    project, client = a_project(), a_client()
    whole, half = a_breakpad_file(), a_breakpad_file()
    own(project, whole)

    began = time.monotonic()
    answer = assemble(client, {**described(whole), **described(half)}).json()

    assert time.monotonic() - began < 10
    assert answer[Checksum.of(whole).hex]["state"] == "assembling"
    assert held_queue.assemblies == [
        Assembly.objects.get(checksum=Checksum.of(whole).hex).pk
    ]


@pytest.mark.django_db(transaction=True)
def test_the_wait_has_a_time_limit(settings: Settings, held_queue: HeldQueue) -> None:
    settings.ASSEMBLE_WAIT_SECONDS = 0.3
    project, client, content = a_project(), a_client(), a_breakpad_file()
    own(project, content)

    began = time.monotonic()
    found = standing(client, content)

    assert 0.3 <= time.monotonic() - began < 10
    assert found["state"] == "assembling"
    assert len(held_queue.assemblies) == 1


def test_a_file_is_ok_only_while_its_debug_file_exists() -> None:
    project, client, content = a_project(), a_client(), a_breakpad_file()
    own(project, content)
    assert standing(client, content)["state"] == "ok"

    DebugFile.objects.all().delete()

    assert Assembly.objects.get().state == State.OK
    assert polled(client, content)["state"] == "not_found"
    assert standing(client, content)["state"] == "ok"
    assert DebugFile.objects.count() == 1


def test_a_task_that_runs_twice_does_its_work_once(held_queue: HeldQueue) -> None:
    project, client, content = a_project(), a_client(), a_breakpad_file()
    own(project, content)
    standing(client, content)
    [assembly_id] = held_queue.assemblies

    tasks.assemble_files.call(assembly_ids=[assembly_id, assembly_id])
    tasks.assemble_files.call(assembly_ids=[assembly_id])

    assert Assembly.objects.get().attempts == 1
    assert standing(client, content)["state"] == "ok"


def test_a_task_for_a_deleted_assembly_does_nothing() -> None:
    tasks.assemble_files.call(assembly_ids=[4711])
