"""Adding a file locks only other adds to the project."""

from threading import Event

import pytest
from django.db import connection, transaction
from tests.concurrency import run_at_once
from tests.factories import (
    Answer,
    a_breakpad_file,
    a_client,
    a_file,
    a_project,
    an_object,
    assemble,
    described,
)

from symdepot.debugfiles import catalogue
from symdepot.debugfiles.models import DebugFile

pytestmark = pytest.mark.django_db(transaction=True)

HAS_ONE_WRITER = connection.vendor == "sqlite"
MOST_SECONDS = 0.2 if HAS_ONE_WRITER else 10


def test_assembling_does_not_wait_for_a_file_that_is_being_added() -> None:
    project, client = a_project(), a_client()
    file, found = a_file(project, b"content"), an_object()
    is_entered, is_answered = Event(), Event()

    def enter() -> bool:
        with transaction.atomic():
            catalogue.add(project, file, found)
            is_entered.set()
            return is_answered.wait(MOST_SECONDS)

    def offer() -> Answer:
        is_entered.wait()
        answer = assemble(client, described(a_breakpad_file()))
        is_answered.set()
        return answer

    was_in_time, answer = run_at_once([enter, offer])

    assert was_in_time or HAS_ONE_WRITER
    assert answer.status_code == 200
    assert DebugFile.objects.count() == 1
