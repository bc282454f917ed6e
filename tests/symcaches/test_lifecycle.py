"""Each debug file gets one symcache, or a reason why there is none."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from tests.concurrency import run_at_once
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_mapping,
    a_project,
    files_url,
    keep,
    polled,
    standing,
    upload,
)
from tests.symcache_files import (
    CONVERT_ERROR,
    age_symcaches,
    an_unreadable_pdb,
    claimed,
    row,
    uploaded,
)
from tests.task_queues import HeldQueue

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import LeaseLost, SandboxUnavailable
from symdepot.domain.ids import Checksum
from symdepot.domain.symcache.conversion import ConversionFailed
from symdepot.jobs.models import PeriodicLock
from symdepot.pipeline import steps, symcache_backfill, tasks
from symdepot.pipeline.gc import deletion
from symdepot.sandbox import operations
from symdepot.symcaches import lifecycle
from symdepot.symcaches.models import VERSION, Outcome, SymCache
from symdepot.uploads.models import Chunk

pytestmark = pytest.mark.django_db

A_WHILE = timedelta(hours=1)
A_DAY = timedelta(days=1, seconds=1)
A_MAPPING_NAME = "/proguard/67e9247c-814e-392b-a027-dbde6748fcbf.txt"


@pytest.fixture(autouse=True)
def symcaches_on(settings: Settings) -> None:
    settings.SYMCACHES = True


def blobs_besides_chunks() -> set[Checksum]:
    chunks = Chunk.objects.values_list("checksum", flat=True)
    return set(blob_store()) - {Checksum(c) for c in chunks}


def make_backfill_due() -> None:
    """Make the job that looks for missing symcaches due."""
    long_ago = timezone.now() - A_DAY
    PeriodicLock.objects.update_or_create(
        name="symcaches", defaults={"finished_at": long_ago}
    )


def listed(client: Client) -> list[dict[str, object] | None]:
    return [found["symcache"] for found in client.get(files_url()).json()]


def upload_and_work(held_queue: HeldQueue) -> None:
    """Upload a file and assemble it; its symcache stays queued."""
    a_project()
    upload(a_client(), a_breakpad_file())
    held_queue.work()


def test_an_uploaded_file_gets_a_symcache() -> None:
    records = ["FILE 0 hello.c", "FUNC 1000 10 0 main", "1000 10 7 0"]
    uploaded(a_breakpad_file(records=records))

    made = row()
    assert (made.outcome, made.symbols_only, made.detail) == (Outcome.MADE, False, "")
    assert blobs_besides_chunks() == {Checksum(made.checksum)}
    with blob_store().open(Checksum(made.checksum)) as content:
        found = content.read()
    assert (found[:4], len(found)) == (b"SYMC", made.size_bytes)


def test_an_upload_is_ok_before_its_symcache_is_created(held_queue: HeldQueue) -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    upload(client, content)
    held_queue.work()

    assert polled(client, content)["state"] == "ok"
    assert row().outcome == Outcome.QUEUED
    assert held_queue.symcaches == [row().pk]
    held_queue.work()
    assert row().outcome == Outcome.MADE


def test_a_content_in_two_projects_has_one_symcache() -> None:
    content = a_breakpad_file()
    for slug in ("game", "editor"):
        a_project(slug)
        upload(a_client(), content, project=slug)

    assert DebugFile.objects.count() == 2
    assert SymCache.objects.count() == 1


def test_files_with_the_same_debug_id_have_separate_symcaches() -> None:
    identity = "DFB8E43AF2423D73A453AEB6A777EF750"
    old = uploaded(a_breakpad_file(identity, records=["FUNC 1000 10 0 before"]))
    new = uploaded(a_breakpad_file(identity, records=["FUNC 1000 10 0 after"]))

    made = {s.file_id: s.checksum for s in SymCache.objects.all()}
    assert old.debug_id == new.debug_id
    assert made[old.file_id] != made[new.file_id]


def test_files_without_functions_have_no_symcache() -> None:
    a_project()
    upload(a_client(), a_mapping(), name=A_MAPPING_NAME)

    assert listed(a_client()) == [None]
    assert not SymCache.objects.exists()


def test_the_setting_turns_symcaches_off(settings: Settings) -> None:
    settings.SYMCACHES = False

    uploaded()

    assert not SymCache.objects.exists()


def test_the_list_shows_symbols_only() -> None:
    uploaded(a_breakpad_file(records=["PUBLIC 2000 0 exported"]))

    assert listed(a_client()) == [
        {"outcome": "made", "detail": None, "symbolsOnly": True, "retryAt": None}
    ]


def test_a_file_that_cannot_be_converted_is_ok_with_the_reason() -> None:
    a_project()
    client, content = a_client(), an_unreadable_pdb()

    standing = upload(client, content, name="hello.pdb")

    assert standing["state"] == polled(client, content)["state"] == "ok"
    assert polled(client, content)["detail"] == (
        f"No symcache could be made of it: {CONVERT_ERROR}"
    )
    [symcache] = listed(client)
    assert symcache is not None
    assert (symcache["outcome"], symcache["detail"]) == ("failed", CONVERT_ERROR)
    assert str(symcache["retryAt"]).endswith("Z")


def test_a_failed_conversion_logs_no_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        uploaded(an_unreadable_pdb())

    assert row().outcome == Outcome.FAILED
    assert caplog.records == []


def test_a_failure_is_not_retried_before_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = an_unreadable_pdb()
    uploaded(content)
    tried: list[int] = []
    make = steps.create_symcache

    def counted(symcache: SymCache) -> Outcome:
        tried.append(symcache.pk)
        return make(symcache)

    monkeypatch.setattr(steps, "create_symcache", counted)

    a_project("editor")
    upload(a_client(), content, project="editor")
    assert tried == []

    age_symcaches(A_DAY)
    a_project("tool")
    upload(a_client(), content, project="tool")
    assert tried == [row().pk]
    assert row().outcome == Outcome.FAILED


def test_a_file_that_crashed_the_parser_is_retried_later(
    settings: Settings,
) -> None:
    settings.SYMCACHE_RETRY_SECONDS = 100
    uploaded(an_unreadable_pdb())
    usual = row().retry_at
    SymCache.objects.update(outcome=Outcome.QUEUED, lease_expires_at=timezone.now())

    lifecycle.finish(
        claimed(),
        ConversionFailed("it crashed", crashed_parser=True),
        None,
        blob_store(),
    )

    assert usual is not None
    assert (row().retry_at or usual) - usual > timedelta(seconds=500)


@pytest.mark.django_db(transaction=True)
def test_concurrent_tasks_create_a_symcache_once(
    held_queue: HeldQueue,
) -> None:
    upload_and_work(held_queue)
    run_at_once([tasks.create_next_symcache] * 6)

    assert (row().outcome, row().attempts) == (Outcome.MADE, 1)
    assert blobs_besides_chunks() == {Checksum(row().checksum)}


@pytest.mark.django_db(transaction=True)
def test_concurrent_uploads_of_a_content_leave_one_symcache() -> None:
    content = a_breakpad_file()
    clients = []
    for number in range(4):
        a_project(f"p{number}")
        clients.append((a_client(), f"p{number}"))
    client, _ = clients[0]
    upload(client, content, project="p0")
    SymCache.objects.all().delete()

    run_at_once(
        [lambda c=c, p=p: upload(c, content, project=p) for c, p in clients[1:]]  # type: ignore[misc]  # bound early
    )

    assert SymCache.objects.get().outcome == Outcome.MADE
    assert len(blobs_besides_chunks()) == 1


def test_a_symcache_whose_worker_died_is_created_by_another(
    held_queue: HeldQueue,
) -> None:
    upload_and_work(held_queue)
    claimed()
    assert not tasks.create_next_symcache()

    age_symcaches(A_WHILE)

    held_queue.work()
    assert (row().outcome, row().attempts) == (Outcome.MADE, 2)


def test_a_symcache_fails_after_its_last_attempt(
    held_queue: HeldQueue, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 2
    upload_and_work(held_queue)
    for _ in range(2):
        claimed()
        assert lifecycle.give_up() == 0
        age_symcaches(A_WHILE)
    assert lifecycle.claim_next() is None

    assert lifecycle.give_up() == 1
    assert row().outcome == Outcome.FAILED
    assert row().detail == (
        "Gave up after 2 attempts: each ended the worker that made it."
    )


def test_a_worker_without_its_lease_leaves_no_blob(
    held_queue: HeldQueue,
) -> None:
    upload_and_work(held_queue)
    slow = claimed()
    SymCache.objects.update(lease_holder="another")

    with pytest.raises(LeaseLost):
        steps.create_symcache(slow)

    assert row().outcome == Outcome.MAKING
    assert blobs_besides_chunks() == set()


def test_a_worker_without_its_lease_does_not_delete_the_blob_of_another(
    held_queue: HeldQueue,
) -> None:
    upload_and_work(held_queue)
    slow = claimed()
    age_symcaches(A_WHILE)
    held_queue.work()

    with pytest.raises(LeaseLost):
        steps.create_symcache(slow)

    assert row().outcome == Outcome.MADE
    assert blobs_besides_chunks() == {Checksum(row().checksum)}


def test_a_temporary_error_is_retried(
    held_queue: HeldQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_and_work(held_queue)

    def unavailable(*_: object) -> None:
        raise SandboxUnavailable("there was none")

    with monkeypatch.context() as patch:
        patch.setattr(operations, "convert", unavailable)
        held_queue.work()
    assert row().outcome == Outcome.QUEUED

    assert not tasks.create_next_symcache()

    age_symcaches(A_WHILE)
    held_queue.work()
    assert row().outcome == Outcome.MADE


def test_an_unexpected_exception_is_retried(
    held_queue: HeldQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_and_work(held_queue)

    def fail(_: SymCache) -> Outcome:
        raise RuntimeError("a secret")

    with monkeypatch.context() as patch:
        patch.setattr(steps, "create_symcache", fail)
        held_queue.work()

    assert (row().outcome, row().attempts) == (Outcome.QUEUED, 1)


def test_a_damaged_file_is_retried_when_it_is_uploaded_again(
    held_queue: HeldQueue,
) -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    upload(client, content)
    held_queue.work()
    blob_store().delete(Checksum.of(content))
    held_queue.work()
    assert row().outcome == Outcome.FAILED
    assert Checksum.of(content).hex in row().detail

    a_project("editor")
    status = standing(client, content, project="editor")
    assert status["missingChunks"] == [Checksum.of(content).hex]
    upload(client, content, project="editor")
    held_queue.work()
    held_queue.work()

    assert row().outcome == Outcome.MADE


def test_a_symcache_of_an_earlier_version_is_replaced(held_queue: HeldQueue) -> None:
    upload_and_work(held_queue)
    (old,) = keep(b"an old symcache")
    SymCache.objects.update(
        version=VERSION - 1, outcome=Outcome.MADE, checksum=old, lease_expires_at=None
    )
    make_backfill_due()

    assert symcache_backfill.request_missing() == 1
    held_queue.work()

    assert (row().version, row().outcome) == (VERSION, Outcome.MADE)
    assert blobs_besides_chunks() == {Checksum(row().checksum)}


def test_symcaches_that_an_earlier_version_left_queued_are_replaced(
    held_queue: HeldQueue,
) -> None:
    upload_and_work(held_queue)
    SymCache.objects.update(version=VERSION - 1)
    assert not tasks.create_next_symcache()
    make_backfill_due()

    assert symcache_backfill.request_missing() == 1
    held_queue.work()

    assert (row().version, row().outcome) == (VERSION, Outcome.MADE)


def test_a_symcache_of_an_earlier_version_is_not_listed() -> None:
    uploaded()
    SymCache.objects.update(version=VERSION - 1)

    assert listed(a_client()) == [None]


def test_files_without_a_symcache_get_one_later(
    held_queue: HeldQueue, settings: Settings
) -> None:
    settings.SYMCACHES = False
    upload_and_work(held_queue)
    upload(a_client(), a_mapping(), name=A_MAPPING_NAME)
    held_queue.work()
    settings.SYMCACHES = True
    assert symcache_backfill.request_missing() == 0

    make_backfill_due()

    assert symcache_backfill.request_missing() == 1
    assert symcache_backfill.request_missing() == 0
    held_queue.work()
    assert row().outcome == Outcome.MADE


def test_deleting_the_last_debug_file_of_a_content_deletes_its_symcache() -> None:
    debug_file = uploaded()

    deletion.delete_debug_file(debug_file, by="a test")

    assert not SymCache.objects.exists()
    assert list(blob_store()) == []


def test_a_file_can_be_deleted_while_its_symcache_is_created(
    held_queue: HeldQueue,
) -> None:
    upload_and_work(held_queue)
    slow = claimed()
    deletion.delete_debug_file(DebugFile.objects.get(), by="a test")

    result = ConversionFailed("another", crashed_parser=False)
    with pytest.raises(LeaseLost):
        lifecycle.finish(slow, result, None, blob_store())

    assert not SymCache.objects.exists()
    assert list(blob_store()) == []


def test_a_symcache_whose_bytes_were_freed_meanwhile_is_created_again(
    held_queue: HeldQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_and_work(held_queue)
    finish = lifecycle.finish

    def finish_late(*arguments: Any) -> object:
        _, _, kept, store = arguments
        monkeypatch.undo()
        store.delete(kept[0])
        return finish(*arguments)

    monkeypatch.setattr(lifecycle, "finish", finish_late)
    held_queue.work()
    assert row().outcome == Outcome.QUEUED

    age_symcaches(A_WHILE)
    held_queue.work()
    assert row().outcome == Outcome.MADE
    assert Checksum(row().checksum) in blob_store()


def test_a_list_needs_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(5):
        uploaded()
    client = a_client()

    with django_assert_max_num_queries(6):
        assert len(listed(client)) == 5
