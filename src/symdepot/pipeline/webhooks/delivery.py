"""Tells webhooks of new revisions: signed, and at least once each.

Source: standardwebhooks.com, "Signature scheme"; docs/protocols/webhooks.md.
"""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib import metadata

import structlog
from django.conf import settings
from django.utils import timezone

from symdepot.pipeline.webhooks import http_post
from symdepot.projects import webhooks
from symdepot.projects.webhooks import DeliveryAttempt

_AT_ONCE = 8
_SECRET_PREFIX = "whsec_"  # noqa: S105 -- what a secret begins with
_log = structlog.get_logger(__name__)


def deliver_due() -> int:
    """Make the attempts that are due, several at a time; return how many were taken."""
    turns = webhooks.claim_due(_AT_ONCE)
    if not turns:
        return 0
    told = 0
    with ThreadPoolExecutor(len(turns)) as threads:
        for turn, why in zip(turns, threads.map(_attempt, turns), strict=True):
            told += _note(turn, why)
    return told


def signature(secret: str, *, delivery: str, timestamp: int, body: bytes) -> str:
    """Return what proves that we sent `body`, and when."""
    key = b64decode(secret.removeprefix(_SECRET_PREFIX))
    signed = b".".join((delivery.encode(), str(timestamp).encode(), body))
    return "v1," + b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _attempt(turn: DeliveryAttempt) -> str | None:
    """Return None if the webhook took it, and otherwise why not. Asks no database."""
    now = timezone.now()
    body = _body(turn, now)
    timestamp = int(now.timestamp())
    # Attempts at the same news have the same name, so that it can be heard once.
    delivery = f"revision-{turn.webhook.pk}-{turn.revision}"
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"symdepot/{metadata.version('symdepot')}",
        "webhook-id": delivery,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(
            turn.webhook.secret, delivery=delivery, timestamp=timestamp, body=body
        ),
    }
    return http_post.post(
        turn.webhook.url,
        body,
        headers,
        allow_private=settings.WEBHOOK_PRIVATE_ADDRESSES,
    )


def _body(turn: DeliveryAttempt, now: datetime) -> bytes:
    return json.dumps(
        {
            "organization": turn.organization,
            "project": turn.project,
            "revision": turn.revision,
            "sent_at": now.astimezone(UTC).isoformat(),
        }
    ).encode()


def _note(turn: DeliveryAttempt, why: str | None) -> bool:
    log = _log.bind(
        project=turn.project, webhook=turn.webhook.pk, revision=turn.revision
    )
    if why is None:
        webhooks.mark_delivered(turn)
        log.info("webhook told")
    else:
        webhooks.mark_failed(turn, why)
        log.warning("webhook not told", why=why, attempt=turn.webhook.attempts)
    return why is None
