"""Leases of uploads, from the queue to the status that clients see."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from tests.concurrency import run_at_once
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_project,
    own,
    pieces,
    polled,
    standing,
)
from tests.row_ages import age_assemblies
from tests.task_queues import HeldQueue

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import LeaseLost
from symdepot.jobs import heartbeat
from symdepot.pipeline import steps, tasks, upload_requests
from symdepot.sandbox import operations
from symdepot.uploads import assembly
from symdepot.uploads.models import Assembly, File, State

pytestmark = pytest.mark.django_db

A_WHILE = timedelta(hours=1)


@pytest.fixture
def queued(held_queue: HeldQueue) -> bytes:
    """A complete, queued upload."""
    content = a_breakpad_file()
    own(a_project(), *pieces(content, 40))
    assert standing(a_client(), content, piece=40)["state"] == "assembling"
    return content


def row() -> Assembly:
    return Assembly.objects.get()


def begun() -> Assembly:
    held = assembly.claim(row().pk)
    assert held is not None
    return held


def is_leased_within(*, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        expires_at = row().lease_expires_at
        if expires_at is not None and expires_at > timezone.now():
            return True
        time.sleep(0.01)
    return False


def test_a_file_whose_worker_died_is_requeued_and_finished(
    queued: bytes, held_queue: HeldQueue
) -> None:
    held_queue.work_is_lost()
    begun()
    assert upload_requests.requeue_abandoned() == 0

    age_assemblies(A_WHILE)

    assert upload_requests.requeue_abandoned() == 1
    held_queue.work()
    assert polled(a_client(), queued)["state"] == "ok"
    assert row().attempts == 2


def test_a_file_whose_task_was_lost_is_requeued(
    queued: bytes, held_queue: HeldQueue
) -> None:
    held_queue.work_is_lost()

    age_assemblies(A_WHILE)

    assert upload_requests.requeue_abandoned() == 1
    assert upload_requests.requeue_abandoned() == 0
    held_queue.work()
    assert polled(a_client(), queued)["state"] == "ok"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("queued")
def test_concurrent_requeues_queue_a_file_once(settings: Settings) -> None:
    age_assemblies(A_WHILE)

    counts = run_at_once([upload_requests.requeue_abandoned] * 8)

    assert sorted(counts) == [0] * 7 + [1]


def test_a_file_fails_after_its_last_attempt_and_can_be_uploaded_again(
    queued: bytes, held_queue: HeldQueue, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 2
    for _ in range(2):
        begun()
        age_assemblies(A_WHILE)
        upload_requests.requeue_abandoned()

    found = polled(a_client(), queued)
    assert found["state"] == "error"
    assert found["detail"] == (
        "Gave up after 2 attempts: each ended the worker that made it."
    )
    age_assemblies(A_WHILE)
    assert standing(a_client(), queued, piece=40)["state"] == "assembling"
    held_queue.work()
    assert polled(a_client(), queued)["state"] == "ok"


@pytest.mark.usefixtures("queued")
def test_a_worker_without_its_lease_writes_no_rows() -> None:
    slow = begun()
    age_assemblies(A_WHILE)
    begun()

    with pytest.raises(LeaseLost):
        steps.assemble(slow)

    assert row().state == State.ASSEMBLING
    assert not DebugFile.objects.exists()
    assert not File.objects.exists()


def test_a_worker_without_its_lease_does_not_change_the_result_of_another(
    queued: bytes, held_queue: HeldQueue
) -> None:
    slow = begun()
    age_assemblies(A_WHILE)
    upload_requests.requeue_abandoned()
    held_queue.work()

    with pytest.raises(LeaseLost):
        steps.assemble(slow)

    assert polled(a_client(), queued)["state"] == "ok"
    assert DebugFile.objects.count() == File.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("queued")
def test_concurrent_tasks_for_a_file_assemble_it_once() -> None:
    pk = row().pk

    run_at_once([lambda: tasks.assemble_files.call(assembly_ids=[pk])] * 6)

    assert (row().state, row().attempts) == (State.OK, 1)
    assert DebugFile.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("queued")
def test_the_heartbeat_renews_the_lease_until_the_work_ends(settings: Settings) -> None:
    settings.LEASE_SECONDS = 0.3
    held = begun()

    with heartbeat.heartbeat(held):
        for _ in range(3):
            age_assemblies(A_WHILE)
            assert is_leased_within(seconds=20)

    assert row().lease_holder == held.lease_holder
    age_assemblies(A_WHILE)
    assert not is_leased_within(seconds=0.3)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("queued")
def test_the_heartbeat_ends_when_the_lease_is_lost(settings: Settings) -> None:
    settings.LEASE_SECONDS = 0.15
    held = begun()
    Assembly.objects.update(lease_holder="another", lease_expires_at=timezone.now())
    taken_at = row().lease_expires_at

    with heartbeat.heartbeat(held):
        time.sleep(0.3)

    assert row().lease_expires_at == taken_at


@pytest.mark.usefixtures("queued")
def test_an_unexpected_exception_is_retried_and_its_text_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, held_queue: HeldQueue
) -> None:
    settings.MAX_ATTEMPTS = 2

    def stumble(_: Assembly) -> DebugFile:
        raise RuntimeError("something that clients need not know")

    monkeypatch.setattr(steps, "assemble", stumble)
    for attempt in (1, 2):
        with pytest.raises(ExceptionGroup):
            tasks.assemble_files.call(assembly_ids=[row().pk])
        assert row().attempts == attempt
        age_assemblies(A_WHILE)
        upload_requests.requeue_abandoned()

    assert (row().state, row().detail) == (State.ERROR, "internal server error")
    assert row().retryable


def test_an_exception_for_one_file_does_not_stop_the_others_of_its_task(
    monkeypatch: pytest.MonkeyPatch, held_queue: HeldQueue
) -> None:
    project, client = a_project(), a_client()
    contents = [a_breakpad_file() for _ in range(3)]
    own(project, *contents)
    for content in contents:
        standing(client, content)
    take_in, bad = steps.assemble, held_queue.assemblies[1]

    def stumble_over_one(held: Assembly) -> DebugFile:
        if held.pk == bad:
            raise RuntimeError
        return take_in(held)

    monkeypatch.setattr(steps, "assemble", stumble_over_one)
    with pytest.raises(ExceptionGroup):
        held_queue.work()

    states = [polled(client, content)["state"] for content in contents]
    assert states == ["ok", "assembling", "ok"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("disk", "queued")
def test_files_are_inspected_outside_of_transactions(
    monkeypatch: pytest.MonkeyPatch, held_queue: HeldQueue
) -> None:
    inspect, seen = operations.inspect, []

    def look(path: Path, *, name: str) -> object:
        seen.append((connection.in_atomic_block, os.access(path, os.R_OK)))
        return inspect(path, name=name)

    monkeypatch.setattr(operations, "inspect", look)
    content = a_breakpad_file()
    own(a_project(), *pieces(content, 40))
    standing(a_client(), content, piece=40)
    tasks.assemble_files.call(assembly_ids=[held_queue.assemblies[-1]])

    assert seen == [(False, True)]
