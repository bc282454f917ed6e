"""Tasks that an earlier version enqueued under other names do no harm."""

from datetime import timedelta

import pytest
from django.tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings
from tests.factories import a_breakpad_file, a_client, a_project, own, polled, standing
from tests.row_ages import age_assemblies
from tests.task_queues import DATABASE

from symdepot.pipeline import tasks, upload_requests
from symdepot.server import task_worker

pytestmark = pytest.mark.django_db


def test_the_names_of_the_tasks_are_stored_in_queues() -> None:
    assert [tasks.assemble_files.module_path, tasks.create_symcaches.module_path] == [
        "symdepot.pipeline.tasks.assemble_files",
        "symdepot.pipeline.tasks.create_symcaches",
    ]


def test_a_task_with_an_old_name_fails_alone_and_its_file_is_queued_again(
    settings: Settings,
) -> None:
    settings.TASKS = DATABASE
    settings.ASSEMBLE_WAIT_SECONDS = 0
    old, new = a_breakpad_file(), a_breakpad_file()
    own(a_project(), old, new)
    standing(a_client(), old)
    DBTaskResult.objects.update(task_path="symdepot.pipeline.tasks.take_in")
    standing(a_client(), new)

    worker = task_worker.new_worker()
    worker.run()

    states = DBTaskResult.objects.order_by("enqueued_at").values_list("status")
    assert [status for (status,) in states] == [
        TaskResultStatus.FAILED,
        TaskResultStatus.SUCCESSFUL,
    ]
    assert polled(a_client(), new)["state"] == "ok"
    assert polled(a_client(), old)["state"] == "assembling"

    age_assemblies(timedelta(hours=1))
    assert upload_requests.requeue_abandoned() == 1
    worker.run()

    assert polled(a_client(), old)["state"] == "ok"
