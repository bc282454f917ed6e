"""The symcache that a request waits for is created next; each file is queued once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings
from tests.concurrency import run_at_once
from tests.factories import a_client, a_project, upload
from tests.protocols.symbolicator.payloads import (
    BREAKPAD_ID,
    DEBUG_ID,
    INLINED,
    a_request,
    at,
    post,
)
from tests.symcache_files import age_symcaches
from tests.task_queues import DATABASE

from symdepot.pipeline import tasks
from symdepot.projects.models import Project
from symdepot.protocols.eliot import views as eliot
from symdepot.server import task_worker
from symdepot.symbolication import pasted_text
from symdepot.symcaches import lifecycle
from symdepot.symcaches.models import VERSION, Outcome, SymCache
from symdepot.uploads.models import File

pytestmark = pytest.mark.django_db

A_WHILE = timedelta(hours=1)


@pytest.fixture(autouse=True)
def project(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Project:
    settings.SYMCACHES = True
    settings.TASKS = DATABASE
    settings.ASSEMBLE_WAIT_SECONDS = 0
    monkeypatch.setattr(eliot, "WAIT_SECONDS", 0.0)
    return a_project()


def queue_symcaches(count: int) -> list[int]:
    """Insert files whose symcaches wait. Returns the ids of the symcaches."""
    now = timezone.now()
    first = File.objects.count()
    files = File.objects.bulk_create(
        File(checksum=f"{first + number:040x}", size_bytes=1) for number in range(count)
    )
    rows = SymCache.objects.bulk_create(
        SymCache(
            file=file,
            debug_id=f"{file.pk:032x}",
            arch="x86_64",
            version=VERSION,
            outcome=Outcome.QUEUED,
            lease_expires_at=now,
            updated_at=now,
        )
        for file in files
    )
    return [row.pk for row in rows]


@pytest.fixture
def wanted() -> int:
    """Upload a program behind 300 files that wait, and return its symcache's id."""
    queue_symcaches(300)
    upload(a_client(), INLINED.encode(), name="hello")
    task_worker.new_worker().run()
    return SymCache.objects.get(debug_id=DEBUG_ID).pk


def claim_ids(count: int) -> list[int]:
    claimed = (lifecycle.claim_next() for _ in range(count))
    return [row.pk for row in claimed if row is not None]


def symbolicate(client: Client, _: Project) -> None:
    post(client, a_request(at(0x1012)), "/symbolicate?timeout=0")


def poll(client: Client, _: Project) -> None:
    answer = post(client, a_request(at(0x1012)), "/symbolicate?timeout=0").json()
    SymCache.objects.update(priority=0)
    assert client.get(f"/requests/{answer['request_id']}?timeout=0").status_code == 200


def symbolicate_v5(client: Client, _: Project) -> None:
    body = {"memoryMap": [["hello", BREAKPAD_ID]], "stacks": [[[0, 0x1012]]]}
    client.post("/symbolicate/v5", body, content_type="application/json")


def symbolicate_text(_: Client, project: Project) -> None:
    pasted_text.resolve_text(project, "./hello(+0x1012) [0x55]", by="a test")


@pytest.mark.parametrize(
    "send_request", [symbolicate, poll, symbolicate_v5, symbolicate_text]
)
def test_what_a_request_waits_for_is_created_before_300_others(
    wanted: int, project: Project, send_request: Callable[[Client, Project], None]
) -> None:
    client = a_client()

    send_request(client, project)

    assert claim_ids(2) == [wanted, SymCache.objects.earliest("pk").pk]


def test_the_latest_request_comes_first_and_then_the_oldest_file() -> None:
    first, second, third, fourth = queue_symcaches(4)
    now_ms = int(timezone.now().timestamp() * 1000)
    SymCache.objects.filter(pk=third).update(priority=now_ms - 60_000)
    SymCache.objects.filter(pk=fourth).update(priority=now_ms - 50_000)

    assert claim_ids(5) == [fourth, third, first, second]


def test_a_request_that_goes_on_waiting_writes_every_few_seconds() -> None:
    (pk,) = queue_symcaches(1)

    lifecycle.move_to_front([SymCache.objects.get()])
    moved = SymCache.objects.get()
    lifecycle.move_to_front([moved])
    assert SymCache.objects.get().priority == moved.priority > 0

    SymCache.objects.update(priority=moved.priority - 5001)
    lifecycle.move_to_front(SymCache.objects.filter(pk=pk))
    assert SymCache.objects.get().priority >= moved.priority


def test_a_waiting_symcache_is_one_row_and_no_task(wanted: int) -> None:
    before = DBTaskResult.objects.count()

    for _ in range(5):
        age_symcaches(A_WHILE)
        lifecycle.give_up()
        lifecycle.move_to_front(SymCache.objects.filter(pk=wanted))

    assert DBTaskResult.objects.count() == before == 1
    assert SymCache.objects.filter(outcome=Outcome.QUEUED).count() == 301


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_claim_different_symcaches() -> None:
    queued = queue_symcaches(4)

    claimed = run_at_once([lifecycle.claim_next] * 6)

    assert sorted(row.pk for row in claimed if row is not None) == queued


def test_a_symcache_of_a_killed_worker_keeps_its_place() -> None:
    first, second, third = queue_symcaches(3)
    lifecycle.move_to_front(SymCache.objects.filter(pk=second))
    assert claim_ids(1) == [second]
    assert claim_ids(1) == [first]

    SymCache.objects.filter(pk=second).update(lease_expires_at=timezone.now() - A_WHILE)

    assert claim_ids(3) == [second, third]


def test_a_task_of_an_earlier_version_does_nothing(settings: Settings) -> None:
    (pk,) = queue_symcaches(1)
    tasks.create_symcaches.enqueue(symcache_ids=[pk])

    task_worker.new_worker().run()

    assert SymCache.objects.get().outcome == Outcome.QUEUED
    assert [task.status for task in DBTaskResult.objects.all()] == ["SUCCESSFUL"]
