"""New revisions are delivered to webhooks, with a signature."""

import base64
import hashlib
import hmac
import json
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings
from tests.factories import a_breakpad_file, a_client, a_project, upload
from tests.pipeline.consumer import Consumer, Exchange, listening

from symdepot.pipeline.webhooks import delivery, http_post
from symdepot.projects import webhooks
from symdepot.projects.models import Webhook

pytestmark = pytest.mark.django_db

DOCS = Path(__file__).parents[2] / "docs" / "protocols" / "webhooks.md"


@pytest.fixture
def consumer(settings: Settings) -> Iterator[Consumer]:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    with listening() as running:
        yield running


def a_webhook(consumer: Consumer, path: str = "/") -> Webhook:
    return webhooks.add(a_project(), consumer.url(path=path), by="me")


def state() -> str:
    return webhooks.describe_state(Webhook.objects.get())


def verified_by_docs(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Run the example of the docs as it stands there."""
    (example,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)  # noqa: S102 -- it is ours, and to be tried
    verdict = names["is_from_symdepot"](secret, headers, body)  # type: ignore[operator]  # a function of the example
    return bool(verdict)


def test_an_upload_is_delivered(consumer: Consumer) -> None:
    a_webhook(consumer, "/hook")
    before = datetime.now(UTC)

    upload(a_client(), a_breakpad_file())
    assert delivery.deliver_due() == 1

    (received,) = consumer.received
    payload = json.loads(received.body)
    sent_at = datetime.fromisoformat(payload.pop("sent_at"))
    assert received.path == "/hook"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"].startswith("symdepot/")
    assert payload == {"organization": "acme", "project": "game", "revision": 1}
    assert before <= sent_at <= datetime.now(UTC)
    assert sent_at.timestamp() // 1 == int(received.headers["webhook-timestamp"])
    assert state() == "up to date"


def test_a_revision_is_delivered_once(consumer: Consumer) -> None:
    webhook = a_webhook(consumer)
    webhooks.bump_revision(webhook.project)

    assert [delivery.deliver_due() for _ in range(3)] == [1, 0, 0]

    assert len(consumer.received) == 1


def test_the_signature_equals_that_of_openssl(
    consumer: Consumer, tmp_path: Path
) -> None:
    webhook = a_webhook(consumer)
    webhooks.bump_revision(webhook.project)
    delivery.deliver_due()
    (received,) = consumer.received
    key = base64.b64decode(webhook.secret.removeprefix("whsec_"))
    signed = b"%s.%s.%s" % (
        received.headers["webhook-id"].encode(),
        received.headers["webhook-timestamp"].encode(),
        received.body,
    )
    file = tmp_path / "signed"
    file.write_bytes(signed)

    by_openssl = subprocess.run(  # noqa: S603 -- a second implementation
        [
            *("openssl", "dgst", "-sha256", "-binary", "-mac", "HMAC"),
            *("-macopt", f"hexkey:{key.hex()}", str(file)),
        ],
        check=True,
        capture_output=True,
    ).stdout
    by_python = hmac.new(key, signed, hashlib.sha256).digest()

    assert by_openssl == by_python
    assert (
        received.headers["webhook-signature"]
        == "v1," + base64.b64encode(by_openssl).decode()
    )


def test_the_example_of_the_docs_verifies_signatures(
    consumer: Consumer,
) -> None:
    webhook = a_webhook(consumer)
    webhooks.bump_revision(webhook.project)
    delivery.deliver_due()
    (received,) = consumer.received
    secret, headers, body = webhook.secret, received.headers, received.body

    assert verified_by_docs(secret, headers, body)

    other_secret = "whsec_" + base64.b64encode(b"x" * 32).decode()
    assert not verified_by_docs(other_secret, headers, body)
    assert not verified_by_docs(secret, headers, body + b" ")
    for name in ("webhook-id", "webhook-timestamp"):
        forged = {**headers, name: headers[name] + "0"}
        assert not verified_by_docs(secret, forged, body)
    assert not verified_by_docs(secret, {**headers, "webhook-signature": "v1,"}, body)


def test_the_example_of_the_docs_rejects_old_timestamps() -> None:
    secret = "whsec_" + base64.b64encode(b"x" * 32).decode()

    def verified(age: timedelta) -> bool:
        timestamp = int((timezone.now() - age).timestamp())
        headers = {
            "webhook-id": "revision-1-1",
            "webhook-timestamp": str(timestamp),
            "webhook-signature": delivery.signature(
                secret, delivery="revision-1-1", timestamp=timestamp, body=b"{}"
            ),
        }
        return verified_by_docs(secret, headers, b"{}")

    assert verified(timedelta(minutes=4))
    assert not verified(timedelta(minutes=6))
    assert not verified(-timedelta(minutes=6))


def test_a_retry_has_the_same_webhook_id(consumer: Consumer) -> None:
    webhook = a_webhook(consumer)
    webhooks.bump_revision(webhook.project)
    consumer.answers = [500, 200]

    assert delivery.deliver_due() == 0
    assert state().startswith("failed 1 times, tried again at ")
    assert state().endswith(": It answered 500.")
    Webhook.objects.update(next_attempt_at=timezone.now())
    assert delivery.deliver_due() == 1

    first, second = consumer.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert state() == "up to date"


def test_each_webhook_and_revision_has_its_own_webhook_id(consumer: Consumer) -> None:
    webhook = a_webhook(consumer)
    a_webhook(consumer, "/other")
    for _ in range(2):
        webhooks.bump_revision(webhook.project)
        delivery.deliver_due()

    assert len({received.headers["webhook-id"] for received in consumer.received}) == 4


@pytest.mark.django_db(transaction=True)
def test_a_revision_during_a_delivery_is_delivered_next(consumer: Consumer) -> None:
    webhook = a_webhook(consumer)
    webhooks.bump_revision(webhook.project)

    def moves_meanwhile(exchange: Exchange) -> None:
        webhooks.bump_revision(webhook.project)
        connections.close_all()
        exchange.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    consumer.answers = [moves_meanwhile]

    assert [delivery.deliver_due() for _ in range(3)] == [1, 1, 0]

    assert [
        json.loads(received.body)["revision"] for received in consumer.received
    ] == [1, 2]


def test_a_slow_webhook_does_not_delay_others(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_post, "TOTAL_SECONDS", 1.0)
    webhook = a_webhook(consumer)
    for n in range(3):
        a_webhook(consumer, f"/{n}")
    webhooks.bump_revision(webhook.project)

    def is_slow(exchange: Exchange) -> None:
        while len(consumer.received) < 4:
            time.sleep(0.01)
        exchange.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    consumer.answers = [is_slow]

    assert delivery.deliver_due() == 4


def test_private_addresses_get_no_delivery_unless_allowed(
    consumer: Consumer, settings: Settings
) -> None:
    webhook = a_webhook(consumer)
    webhooks.bump_revision(webhook.project)
    settings.WEBHOOK_PRIVATE_ADDRESSES = False

    assert delivery.deliver_due() == 0

    assert consumer.received == []
    assert "has the address 127.0.0.1, which is not public" in state()
