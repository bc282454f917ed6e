"""Requests become pending while symcaches are created, and can be polled."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections
from django.db.models import F
from django.test import Client
from pytest_django import Settings
from tests.factories import Answer, a_client, a_project, upload
from tests.protocols.symbolicator.payloads import INLINED, a_request, at, post
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


def make() -> None:
    """Create the symcache as a worker does, with connections of its own."""
    assert tasks.create_next_symcache()
    connections.close_all()


def poll(client: Client, request_id: str, timeout: float = 0) -> Answer:
    return client.get(f"/requests/{request_id}?timeout={timeout}")


def test_a_pending_request_can_be_polled(client: Client, held_queue: HeldQueue) -> None:
    told = post(client, a_request(at(0x1012)), AT_ONCE).json()

    assert told == {
        "status": "pending",
        "request_id": str(UUID(told["request_id"])),
        "retry_after": 5,
    }
    assert poll(client, told["request_id"]).json() == told
    held_queue.work()
    answer = poll(client, told["request_id"]).json()
    assert answer["status"] == "completed"
    assert answer["stacktraces"][0]["frames"][0]["function"] == "twice(int)"


def test_a_result_can_be_fetched_again_for_90_seconds(
    client: Client, held_queue: HeldQueue
) -> None:
    request_id = post(client, a_request(at(0x1012)), AT_ONCE).json()["request_id"]
    held_queue.work()

    answers = [poll(client, request_id) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    PendingQuestion.objects.update(expires_at=F("expires_at") - timedelta(seconds=91))
    assert poll(client, request_id).status_code == 404
    assert pending_requests.delete_expired() == 1


def test_fetching_again_does_not_extend_the_expiry(
    client: Client, held_queue: HeldQueue
) -> None:
    request_id = post(client, a_request(at(0x1012)), AT_ONCE).json()["request_id"]
    held_queue.work()
    poll(client, request_id)
    PendingQuestion.objects.update(expires_at=F("expires_at") - timedelta(seconds=60))

    assert poll(client, request_id).status_code == 200

    PendingQuestion.objects.update(expires_at=F("expires_at") - timedelta(seconds=31))
    assert poll(client, request_id).status_code == 404


def test_polling_counts_for_the_rate_limit(client: Client, settings: Settings) -> None:
    settings.SYMBOLICATIONS_PER_MINUTE = 2
    request_id = post(client, a_request(at(0x1012)), AT_ONCE).json()["request_id"]

    statuses = [poll(client, request_id).status_code for _ in range(2)]

    assert statuses == [200, 429]


def test_another_token_cannot_poll(client: Client) -> None:
    request_id = post(client, a_request(at(0x1012)), AT_ONCE).json()["request_id"]

    answers = [poll(other, request_id) for other in (a_client(), Client())]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == {
        "detail": f"There is no request '{request_id}' that is being worked on.",
        "causes": [],
    }


@pytest.mark.parametrize(
    "unknown", ["9ae81825-0d39-4ab6-82cc-e1f8d16b29c6", "7", "%00", "a%20b"]
)
def test_an_unknown_request_id_is_404(unknown: str) -> None:
    assert poll(a_client(), unknown).status_code == 404


def test_after_15_minutes_the_result_uses_existing_symcaches(
    client: Client,
) -> None:
    request_id = post(client, a_request(at(0x1012)), AT_ONCE).json()["request_id"]
    PendingQuestion.objects.update(
        patient_until=F("patient_until") - timedelta(minutes=15)
    )

    answer = poll(client, request_id).json()

    assert answer["modules"][0]["debug_status"] == "timeout"
    assert answer["stacktraces"][0]["frames"][0]["status"] == "missing"


@pytest.mark.django_db(transaction=True)
def test_a_waiting_request_returns_as_soon_as_the_symcache_is_ready(
    client: Client,
) -> None:
    worker = threading.Timer(0.3, make)
    worker.start()

    answer = post(client, a_request(at(0x1012)), "/symbolicate?timeout=20").json()

    worker.join()
    assert answer["status"] == "completed"
    assert answer["modules"][0]["debug_status"] == "found"


def test_if_too_many_wait_polling_clients_become_pending_and_others_get_503(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_WAITERS", threading.BoundedSemaphore(1))
    body = a_request(at(0x1012))

    with native._WAITERS:  # noqa: SLF001 -- as if another request waited
        can = post(client, body, "/symbolicate?timeout=20")
        cannot = post(client, body)

    assert can.json()["status"] == "pending"
    assert (cannot.status_code, cannot["Retry-After"]) == (503, "1")
    assert cannot.json()["detail"] == "maximum number of concurrent requests reached"


def test_the_oldest_pending_requests_of_a_token_are_deleted(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_requests, "_MAX_PER_TOKEN", 2)
    body = a_request(at(0x1012))

    ids = [post(client, body, AT_ONCE).json()["request_id"] for _ in range(3)]
    other = post(a_client(), body, AT_ONCE).json()

    assert other["status"] == "pending"
    statuses = [poll(client, request_id).status_code for request_id in ids]
    assert statuses == [404, 200, 200]
