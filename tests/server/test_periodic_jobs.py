"""Periodic jobs, and the loop of the background worker."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings
from tests.factories import a_breakpad_file, a_client, a_project, own, standing
from tests.task_queues import DATABASE

from symdepot.server import periodic_jobs, task_worker
from symdepot.server.doctor import self_test
from symdepot.server.periodic_jobs import PeriodicJob
from symdepot.uploads import assembly
from symdepot.uploads.models import Assembly, State

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "age", "is_kept"),
    [
        ("SUCCESSFUL", HOUR * 0.9, True),
        ("SUCCESSFUL", HOUR * 1.1, False),
        ("FAILED", HOUR * 1.1, False),
        ("READY", DAY * 30, True),
        ("RUNNING", DAY * 0.9, True),
        ("RUNNING", DAY * 1.1, False),
    ],
)
def test_tasks_are_pruned_when_ended_or_stuck_for_long(
    settings: Settings, status: str, age: timedelta, *, is_kept: bool
) -> None:
    settings.TASKS = DATABASE
    task = self_test.no_op.enqueue()
    then = timezone.now() - age
    DBTaskResult.objects.filter(pk=task.id).update(
        status=status, enqueued_at=then, started_at=then, finished_at=then
    )

    pruned = periodic_jobs.prune_queue()

    assert DBTaskResult.objects.filter(pk=task.id).exists() is is_kept
    assert pruned == (0 if is_kept else 1)


@pytest.mark.django_db
def test_tasks_are_pruned_in_batches(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TASKS = DATABASE
    monkeypatch.setattr(periodic_jobs, "_ROWS_PER_DELETE", 2)
    for _ in range(5):
        self_test.no_op.enqueue()
    DBTaskResult.objects.update(
        status="SUCCESSFUL", finished_at=timezone.now() - 2 * HOUR
    )

    assert periodic_jobs.prune_queue() == 5

    assert not DBTaskResult.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("is_lost", "requeued"), [(True, 1), (False, 0)])
def test_a_waiting_upload_is_requeued_only_if_its_task_is_lost(
    settings: Settings, *, is_lost: bool, requeued: int
) -> None:
    settings.TASKS = DATABASE
    settings.ASSEMBLE_WAIT_SECONDS = 0
    contents = [a_breakpad_file() for _ in range(2)]
    own(a_project(), *contents)
    for content in contents:
        assert standing(a_client(), content)["state"] == "assembling"
    assembly.claim(Assembly.objects.earliest("pk").pk)
    waiting = Assembly.objects.filter(state=State.CREATED)
    waiting.update(lease_expires_at=timezone.now() - HOUR)
    if is_lost:
        DBTaskResult.objects.all().delete()

    assert periodic_jobs.requeue_uploads() == requeued


def test_scratch_files_are_deleted_a_day_after_the_last_write(
    settings: Settings, tmp_path: Path
) -> None:
    settings.SCRATCH_DIR = tmp_path
    (tmp_path / "sub").mkdir()
    old, older, fresh = tmp_path / "old", tmp_path / "sub" / "older", tmp_path / "fresh"
    for file, age in (old, 1.1 * DAY), (older, 9 * DAY), (fresh, 0.9 * DAY):
        file.touch()
        touched_at = time.time() - age.total_seconds()
        os.utime(file, (touched_at, touched_at))

    assert periodic_jobs.sweep_scratch() == 2

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["fresh"]


def test_a_missing_scratch_folder_is_no_error(
    settings: Settings, tmp_path: Path
) -> None:
    settings.SCRATCH_DIR = tmp_path / "nowhere"

    assert periodic_jobs.sweep_scratch() == 0


def test_a_failing_job_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs: list[str] = []

    def fails() -> int:
        runs.append("fails")
        raise RuntimeError("this once")

    def succeeds() -> int:
        runs.append("succeeds")
        return 0

    monkeypatch.setattr("time.sleep", _stop_after(2))
    jobs = [PeriodicJob("fails", fails, 0), PeriodicJob("succeeds", succeeds, 0)]

    with pytest.raises(StopIteration):
        periodic_jobs.run_jobs(jobs)

    assert runs == ["fails", "succeeds"] * 2


@pytest.mark.django_db(transaction=True)
def test_a_worker_survives_a_database_outage(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TASKS = DATABASE
    task = self_test.no_op.enqueue()
    worker = task_worker.new_worker()
    monkeypatch.setattr("time.sleep", lambda _: None)

    def fail() -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as outage:
        outage.setattr(DBTaskResult.objects, "ready", fail)
        task_worker.run_queued_tasks(worker)
    task_worker.run_queued_tasks(worker)

    task.refresh()
    assert task.is_finished


def _stop_after(times: int) -> Callable[[float], None]:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == times:
            raise StopIteration

    return sleep
