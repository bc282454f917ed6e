"""Deliveries to webhooks are leased, retried and given up."""

import base64
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone
from tests.concurrency import run_at_once
from tests.factories import a_project

from symdepot.domain.errors import InvalidRequest
from symdepot.projects import webhooks
from symdepot.projects.models import Project, Webhook

pytestmark = pytest.mark.django_db

URL = "https://ci.example.com/hook"


def a_webhook(project: Project | None = None, url: str = URL) -> Webhook:
    return webhooks.add(project or a_project(), url, by="me")


def again(webhook: Webhook) -> Webhook:
    return Webhook.objects.get(pk=webhook.pk)


def is_due(webhook: Webhook) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(next_attempt_at=timezone.now())


def pause(webhook: Webhook, since: datetime) -> timedelta:
    at = again(webhook).next_attempt_at
    assert at is not None
    return timedelta(seconds=round((at - since).total_seconds()))


def fail(webhook: Webhook, times: int) -> None:
    for _ in range(times):
        is_due(webhook)
        (attempt,) = webhooks.claim_due(9)
        webhooks.mark_failed(attempt, "It answered 500.")


def test_a_new_webhook_has_its_own_secret_and_nothing_to_deliver() -> None:
    project = a_project()
    webhooks.bump_revision(project)

    first, second = a_webhook(project), a_webhook(project, URL + "2")

    kind, _, key = first.secret.partition("_")
    assert kind == "whsec"
    assert len(base64.b64decode(key)) == 32
    assert first.secret != second.secret
    assert first.told_revision == 1
    assert webhooks.describe_state(first) == "up to date"
    assert webhooks.claim_due(9) == []


@pytest.mark.parametrize(
    "url",
    [
        *("", "ci.example.com", "ftp://ci.example.com/", "file:///etc/passwd"),
        *("https://", "https:///x", "https://user:pw@ci.example.com/", "https://a b/"),
        *("https://ci.example.com/#x", "https://ci.example.com:x/", "https://[::1/"),
        *("https://ci.example.com/\r\nX: y", "https://ci.example.com:99999/"),
        *("https://ci.example.com/ü", "https://ci.example.com/" + "x" * 2000),
        *("https://ci.example.com:0/", "gopher://ci.example.com", "https://a:-1/"),
    ],
)
def test_invalid_urls_are_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"is no URL for a webhook: .*\.$"):
        a_webhook(url=url)

    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "https://[::1]/?a=b&c", "https://x.example:8443/"]
)
def test_a_project_has_a_url_once(url: str) -> None:
    a_webhook(url=url)
    a_webhook(a_project("other"), url)

    with pytest.raises(InvalidRequest, match="has this webhook already"):
        a_webhook(url=url)


def test_a_revision_makes_the_project_s_own_webhooks_due() -> None:
    project, other = a_project(), a_project("other")
    mine, second = a_webhook(project), a_webhook(project, URL + "2")
    a_webhook(other)

    webhooks.bump_revision(project)

    attempts = webhooks.claim_due(9)
    assert {attempt.webhook for attempt in attempts} == {mine, second}
    assert {(t.organization, t.project, t.revision) for t in attempts} == {
        ("acme", "game", 1)
    }
    assert webhooks.claim_due(9) == []
    for attempt in attempts:
        webhooks.mark_delivered(attempt)
    assert webhooks.claim_due(9) == []
    assert again(mine).told_revision == 1
    assert webhooks.describe_state(again(mine)) == "up to date"


def test_a_rolled_back_revision_is_not_due() -> None:
    webhook = a_webhook()

    def undone() -> None:
        with transaction.atomic():
            webhooks.bump_revision(webhook.project)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        undone()

    assert webhooks.claim_due(9) == []


def test_only_the_newest_revision_is_delivered() -> None:
    webhook = a_webhook()
    for _ in range(5):
        webhooks.bump_revision(webhook.project)

    (attempt,) = webhooks.claim_due(9)
    webhooks.mark_delivered(attempt)

    assert attempt.revision == 5
    assert webhooks.claim_due(9) == []


def test_a_revision_during_a_delivery_is_due_right_after() -> None:
    webhook = a_webhook()
    webhooks.bump_revision(webhook.project)
    (attempt,) = webhooks.claim_due(9)

    webhooks.bump_revision(webhook.project)
    assert webhooks.claim_due(9) == []
    webhooks.mark_delivered(attempt)

    (attempt,) = webhooks.claim_due(9)
    assert attempt.revision == 2
    assert again(webhook).told_revision == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_claims_get_an_attempt_once() -> None:
    hooks = [a_webhook(url=f"{URL}{n}") for n in range(5)]
    webhooks.bump_revision(hooks[0].project)

    given = run_at_once([partial(webhooks.claim_due, 9) for _ in range(6)])

    taken = [attempt.webhook.pk for attempts in given for attempt in attempts]
    assert sorted(taken) == sorted(hook.pk for hook in hooks)


def test_an_attempt_claimed_by_another_is_not_claimed_again() -> None:
    webhook = a_webhook()
    webhooks.bump_revision(webhook.project)
    theirs: list[webhooks.DeliveryAttempt] = []
    is_faster = threading.Event()

    def be_faster(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if sql.startswith("UPDATE") and not is_faster.is_set():
            is_faster.set()
            theirs.extend(webhooks.claim_due(9))
        return execute(sql, *rest)

    with connection.execute_wrapper(be_faster):
        mine = webhooks.claim_due(9)

    assert (len(theirs), mine) == (1, [])


@pytest.mark.django_db(transaction=True)
def test_marking_as_delivered_waits_for_an_open_transaction() -> None:
    webhook = a_webhook()
    webhooks.bump_revision(webhook.project)
    (attempt,) = webhooks.claim_due(9)
    has_begun = threading.Event()

    def move() -> None:
        with transaction.atomic():
            webhooks.bump_revision(webhook.project)
            has_begun.set()
            threading.Event().wait(0.3)

    def tell() -> None:
        assert has_begun.wait(5)
        webhooks.mark_delivered(attempt)

    run_at_once([move, tell])

    (attempt,) = webhooks.claim_due(9)
    assert attempt.revision == 2


@pytest.mark.django_db(transaction=True)
def test_no_revision_is_lost_by_concurrent_deliveries() -> None:
    webhook = a_webhook()

    def tell() -> None:
        for _ in range(20):
            for attempt in webhooks.claim_due(9):
                webhooks.mark_delivered(attempt)

    def move() -> None:
        for _ in range(10):
            webhooks.bump_revision(webhook.project)

    run_at_once([tell, tell, move, move])
    tell()

    assert again(webhook).told_revision == 20
    assert again(webhook).next_attempt_at is None


def test_an_abandoned_attempt_is_due_when_its_lease_ends() -> None:
    webhook = a_webhook()
    webhooks.bump_revision(webhook.project)
    (lost,) = webhooks.claim_due(9)

    assert webhooks.claim_due(9) == []
    assert pause(webhook, timezone.now()) == webhooks.LEASE
    is_due(webhook)
    (attempt,) = webhooks.claim_due(9)

    webhooks.mark_failed(lost, "too late to say so")
    assert again(webhook).last_error == ""
    webhooks.mark_delivered(attempt)
    webhooks.mark_delivered(lost)
    assert again(webhook).told_revision == 1


def test_pauses_grow_and_the_last_failure_gives_up() -> None:
    webhook = a_webhook()
    webhooks.bump_revision(webhook.project)

    pauses = []
    for _ in range(webhooks.MAX_ATTEMPTS - 1):
        fail(webhook, 1)
        pauses.append(pause(webhook, timezone.now()).total_seconds())
    assert webhooks.describe_state(again(webhook)).startswith(
        "failed 9 times, tried again at "
    )
    fail(webhook, 1)

    assert pauses == [10, 30, 90, 270, 810, 2430, 3600, 3600, 3600]
    assert again(webhook).next_attempt_at is None
    assert webhooks.describe_state(again(webhook)) == (
        "given up after 10 times, until the next upload: It answered 500."
    )


def test_after_giving_up_each_revision_is_tried_once() -> None:
    webhook = a_webhook()
    fail(webhook, 10)

    webhooks.bump_revision(webhook.project)
    (attempt,) = webhooks.claim_due(9)
    webhooks.mark_failed(attempt, "It answered 503.")
    assert again(webhook).next_attempt_at is None

    webhooks.bump_revision(webhook.project)
    (attempt,) = webhooks.claim_due(9)
    webhooks.mark_delivered(attempt)

    told = again(webhook)
    assert (told.told_revision, told.attempts, told.last_error) == (2, 0, "")


def test_a_revision_does_not_shorten_the_pause_after_a_failure() -> None:
    webhook = a_webhook()
    fail(webhook, 3)

    webhooks.bump_revision(webhook.project)

    assert webhooks.claim_due(9) == []
    assert pause(webhook, timezone.now()) == timedelta(seconds=90)


def test_the_oldest_attempts_are_claimed_up_to_the_limit() -> None:
    hooks = [a_webhook(url=f"{URL}{n}") for n in range(3)]
    for hook in reversed(hooks):
        is_due(hook)

    assert [attempt.webhook for attempt in webhooks.claim_due(2)] == [
        hooks[2],
        hooks[1],
    ]


def test_a_webhook_removed_during_a_delivery_stays_removed() -> None:
    webhook = a_webhook()
    webhooks.bump_revision(webhook.project)
    (attempt,) = webhooks.claim_due(9)

    assert webhooks.remove(webhook.project, webhook.pk, by="me").url == URL
    webhooks.mark_delivered(attempt)
    webhooks.mark_failed(attempt, "x")

    assert webhooks.list_webhooks(webhook.project) == []


def test_a_project_deleted_during_a_delivery_is_no_error() -> None:
    webhook = a_webhook()
    webhooks.bump_revision(webhook.project)
    (attempt,) = webhooks.claim_due(9)

    Project.objects.all().delete()

    webhooks.mark_delivered(attempt)


def test_webhooks_of_other_projects_cannot_be_removed() -> None:
    webhook = a_webhook()
    other = a_project("other")

    with pytest.raises(InvalidRequest, match="has no webhook"):
        webhooks.remove(other, webhook.pk, by="me")

    assert webhooks.list_webhooks(webhook.project) == [webhook]
