"""Delivers new revisions to webhooks: signed, and at least once each.

Source: standardwebhooks.com, "Signature scheme"; docs/protocols/webhooks.md.
"""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from importlib import metadata

import structlog
from django.conf import settings
from django.utils import timezone

from symdepot.pipeline.webhooks import http_post
from symdepot.projects import webhooks
from symdepot.projects.webhooks import DeliveryAttempt

_MAX_THREADS = 8
_log = structlog.get_logger(__name__)


def deliver_due() -> int:
    """Make some attempts that are due, in parallel. Returns the number of successes."""
    attempts = webhooks.claim_due(_MAX_THREADS)
    if not attempts:
        return 0
    delivered = 0
    with ThreadPoolExecutor(len(attempts)) as threads:
        for attempt, error in zip(attempts, threads.map(_post, attempts), strict=True):
            delivered += _record(attempt, error)
    return delivered


def signature(secret: str, *, delivery: str, timestamp: int, body: bytes) -> str:
    """Return the value of the header `webhook-signature`."""
    key = b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((delivery.encode(), str(timestamp).encode(), body))
    return "v1," + b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _post(attempt: DeliveryAttempt) -> str | None:
    """Return None if the webhook accepted it, otherwise the error. No database query."""
    now = timezone.now()
    content = {
        "organization": attempt.organization,
        "project": attempt.project,
        "revision": attempt.revision,
        "sent_at": now.astimezone(UTC).isoformat(),
    }
    body, timestamp = json.dumps(content).encode(), int(now.timestamp())
    # The same id for all attempts at a revision, so that receivers can skip repeats.
    delivery = f"revision-{attempt.webhook.pk}-{attempt.revision}"
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"symdepot/{metadata.version('symdepot')}",
        "webhook-id": delivery,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(
            attempt.webhook.secret, delivery=delivery, timestamp=timestamp, body=body
        ),
    }
    allow_private = settings.WEBHOOK_PRIVATE_ADDRESSES
    return http_post.post(
        attempt.webhook.url, body, headers, allow_private=allow_private
    )


def _record(attempt: DeliveryAttempt, error: str | None) -> bool:
    log = _log.bind(
        project=attempt.project,
        webhook=attempt.webhook.pk,
        revision=attempt.revision,
        attempt=attempt.webhook.attempts,
    )
    if error is None:
        webhooks.mark_delivered(attempt)
        log.info("webhook.delivered")
    else:
        webhooks.mark_failed(attempt, error)
        log.warning("webhook.failed", error=error)
    return error is None
