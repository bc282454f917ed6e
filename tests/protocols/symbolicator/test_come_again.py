"""Who asks before symcaches are made is told to come again, and then is answered."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections
from django.db.models import F
from django.test import Client
from pytest_django import Settings
from tests.factories import Answer, a_client, a_project, upload
from tests.protocols.symbolicator.asking import INLINED, a_question, at, post
from tests.task_queues import HeldQueue

from symdepot.pipeline import tasks
from symdepot.projects.models import Project
from symdepot.protocols.symbolicator import native
from symdepot.symbolication import pending_requests
from symdepot.symbolication.models import PendingQuestion

pytestmark = pytest.mark.django_db

AT_ONCE = "/symbolicate?timeout=0"


@pytest.fixture(autouse=True)
def project(settings: Settings) -> Project:
    settings.SYMCACHES = True
    return a_project()


@pytest.fixture
def client(held_queue: HeldQueue) -> Client:
    """Return who has uploaded a program whose symcache is not made yet."""
    client = a_client()
    upload(client, INLINED.encode())
    held_queue.work()
    return client


def make(symcache_ids: list[int]) -> None:
    """Make them as a worker does, with connections of its own."""
    tasks.create_symcaches.call(symcache_ids=symcache_ids)
    connections.close_all()


def come_again(client: Client, request_id: str, timeout: float = 0) -> Answer:
    return client.get(f"/requests/{request_id}?timeout={timeout}")


def test_who_cannot_wait_comes_again(client: Client, held_queue: HeldQueue) -> None:
    told = post(client, a_question(at(0x1012)), AT_ONCE).json()

    assert told == {
        "status": "pending",
        "request_id": str(UUID(told["request_id"])),
        "retry_after": 5,
    }
    assert come_again(client, told["request_id"]).json() == told
    held_queue.work()
    answer = come_again(client, told["request_id"]).json()
    assert answer["status"] == "completed"
    assert answer["stacktraces"][0]["frames"][0]["function"] == "twice(int)"


def test_an_answer_that_was_lost_can_be_had_once_more(
    client: Client, held_queue: HeldQueue
) -> None:
    request_id = post(client, a_question(at(0x1012)), AT_ONCE).json()["request_id"]
    held_queue.work()

    answers = [come_again(client, request_id) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    PendingQuestion.objects.update(expires_at=F("expires_at") - timedelta(seconds=91))
    assert come_again(client, request_id).status_code == 404
    assert pending_requests.delete_expired() == 1


def test_an_answer_lasts_no_longer_for_being_fetched_again(
    client: Client, held_queue: HeldQueue
) -> None:
    request_id = post(client, a_question(at(0x1012)), AT_ONCE).json()["request_id"]
    held_queue.work()
    come_again(client, request_id)
    PendingQuestion.objects.update(expires_at=F("expires_at") - timedelta(seconds=60))

    assert come_again(client, request_id).status_code == 200

    PendingQuestion.objects.update(expires_at=F("expires_at") - timedelta(seconds=31))
    assert come_again(client, request_id).status_code == 404


def test_coming_again_counts_as_asking(client: Client, settings: Settings) -> None:
    settings.SYMBOLICATIONS_PER_MINUTE = 2
    request_id = post(client, a_question(at(0x1012)), AT_ONCE).json()["request_id"]

    statuses = [come_again(client, request_id).status_code for _ in range(2)]

    assert statuses == [200, 429]


def test_another_token_hears_of_no_such_request(client: Client) -> None:
    request_id = post(client, a_question(at(0x1012)), AT_ONCE).json()["request_id"]

    answers = [come_again(other, request_id) for other in (a_client(), Client())]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == {
        "detail": f"There is no request '{request_id}' that is being worked on.",
        "causes": [],
    }


@pytest.mark.parametrize(
    "unknown", ["9ae81825-0d39-4ab6-82cc-e1f8d16b29c6", "7", "%00", "a%20b"]
)
def test_what_nobody_asked_is_not_there(unknown: str) -> None:
    assert come_again(a_client(), unknown).status_code == 404


def test_after_a_quarter_of_an_hour_it_is_answered_with_what_there_is(
    client: Client,
) -> None:
    request_id = post(client, a_question(at(0x1012)), AT_ONCE).json()["request_id"]
    PendingQuestion.objects.update(
        patient_until=F("patient_until") - timedelta(minutes=15)
    )

    answer = come_again(client, request_id).json()

    assert answer["modules"][0]["debug_status"] == "timeout"
    assert answer["stacktraces"][0]["frames"][0]["status"] == "missing"


@pytest.mark.django_db(transaction=True)
def test_who_can_wait_is_answered_as_soon_as_it_is_made(
    client: Client, held_queue: HeldQueue
) -> None:
    worker = threading.Timer(0.3, make, [held_queue.symcaches])
    worker.start()

    answer = post(client, a_question(at(0x1012)), "/symbolicate?timeout=20").json()

    worker.join()
    assert answer["status"] == "completed"
    assert answer["modules"][0]["debug_status"] == "found"


def test_when_too_many_wait_those_come_again_who_can(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_WAITERS", threading.BoundedSemaphore(1))
    body = a_question(at(0x1012))

    with native._WAITERS:  # noqa: SLF001 -- as if somebody waited
        can = post(client, body, "/symbolicate?timeout=20")
        cannot = post(client, body)

    assert can.json()["status"] == "pending"
    assert (cannot.status_code, cannot["Retry-After"]) == (503, "1")
    assert cannot.json()["detail"] == "maximum number of concurrent requests reached"


def test_a_token_has_only_so_many_requests_waiting(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_requests, "_MAX_PER_TOKEN", 2)
    body = a_question(at(0x1012))

    ids = [post(client, body, AT_ONCE).json()["request_id"] for _ in range(3)]
    other = post(a_client(), body, AT_ONCE).json()

    assert other["status"] == "pending"
    statuses = [come_again(client, request_id).status_code for request_id in ids]
    assert statuses == [404, 200, 200]
