"""Requests wait for symcaches for a limited time."""

import threading
import time

import pytest
from django.db import connection
from tests.factories import a_client, upload
from tests.protocols.eliot import payloads
from tests.protocols.eliot.payloads import ID, job, result, send
from tests.task_queues import HeldQueue

from symdepot.protocols.eliot import views
from symdepot.symcaches.models import Outcome, SymCache

pytestmark = pytest.mark.django_db


def made_but_held(queue: HeldQueue) -> SymCache:
    """Let a symcache be made, and look as if it were still being made."""
    upload(a_client(), payloads.SYMBOLS, name="xul.sym")
    queue.work()
    queue.work()
    made = SymCache.objects.get()
    assert made.outcome == Outcome.MADE
    SymCache.objects.update(outcome=Outcome.MAKING)
    return made


def test_a_symcache_that_is_not_ready_in_time_is_not_found(
    held_queue: HeldQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "WAIT_SECONDS", 0.3)
    made = made_but_held(held_queue)

    began = time.monotonic()
    told = send(job((0, 0x1000)), debug="1").json()

    assert time.monotonic() - began >= 0.3
    assert told["results"][0]["found_modules"] == {f"xul.pdb/{ID}": False}
    assert told["debug"]["modules"]["status_per_module"] == {f"xul.pdb/{ID}": "timeout"}
    made.save()
    assert result(job((0, 0x1000)))["found_modules"] == {f"xul.pdb/{ID}": True}


def test_a_symcache_that_becomes_ready_is_used(held_queue: HeldQueue) -> None:
    made_but_held(held_queue)

    def finish() -> None:
        time.sleep(0.2)
        SymCache.objects.update(outcome=Outcome.MADE)
        connection.close()

    maker = threading.Thread(target=finish)
    maker.start()
    told = result(job((0, 0x1000)))
    maker.join()

    assert told["stacks"][0][0]["function"] == "foo(int)"
