"""Webhooks of a project, and its revision, which they deliver.

`Webhook.next_attempt_at` is null when there is nothing to deliver. It is also the lease
on a delivery (see `jobs.leases`): `claim_due` moves it to the end of the lease, which the
update afterwards compares. A process that is killed leaves it there, so the attempt is
due again at that time.
"""

import re
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from symdepot.domain import http_urls
from symdepot.domain.errors import InvalidRequest
from symdepot.projects import audit
from symdepot.projects.audit import Action
from symdepot.projects.models import Project, Webhook

MAX_ATTEMPTS = 10
LEASE = timedelta(minutes=2)
"""More than one attempt can take, with its name lookups."""
_FIRST_PAUSE = timedelta(seconds=10)
_PAUSE_FACTOR = 3
_MAX_PAUSE = timedelta(hours=1)
_SECRET_BYTES = 32
_MAX_URL_LENGTH = 2000
_PRINTABLE = re.compile(r"[!-~]+").fullmatch


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One attempt to deliver `revision`, leased until `lease_expires_at`."""

    webhook: Webhook
    organization: str
    project: str
    revision: int
    lease_expires_at: datetime


@transaction.atomic
def add(project: Project, url: str, *, by: str) -> Webhook:
    """Add a webhook for the next revisions of `project`. The row has its secret.

    Raises:
        InvalidRequest: `url` is not valid for a webhook, or the project has it already.
    """
    _check_url(url)
    current = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if Webhook.objects.filter(project=project, url=url).exists():
        raise InvalidRequest(f"Project {project.slug!r} has this webhook already.")
    webhook = Webhook.objects.create(
        project=project,
        url=url,
        secret="whsec_" + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode(),
        told_revision=current.revision,
    )
    audit.record(project, Action.WEBHOOK_ADDED, by=by, subject=url, webhook=webhook.pk)
    return webhook


def list_webhooks(project: Project) -> list[Webhook]:
    """Return the webhooks of `project`, oldest first."""
    return list(Webhook.objects.filter(project=project).order_by("pk"))


@transaction.atomic
def remove(project: Project, number: int, *, by: str) -> Webhook:
    """Delete the webhook whose row id is `number`, and return it.

    Raises:
        InvalidRequest: `project` has none.
    """
    webhook = Webhook.objects.filter(project=project, pk=number).first()
    if webhook is None:
        raise InvalidRequest(f"Project {project.slug!r} has no webhook {number}.")
    Webhook.objects.filter(pk=number).delete()
    audit.record(
        project, Action.WEBHOOK_REMOVED, by=by, subject=webhook.url, webhook=number
    )
    return webhook


@transaction.atomic
def bump_revision(project: Project) -> None:
    """Increase the project's revision and make its idle webhooks due.

    Part of the transaction in which debug files arrive.
    """
    Project.objects.filter(pk=project.pk).update(revision=F("revision") + 1)
    Webhook.objects.filter(project=project, next_attempt_at=None).update(
        next_attempt_at=timezone.now()
    )


def claim_due(limit: int) -> list[DeliveryAttempt]:
    """Lease up to `limit` attempts that are due; concurrent callers get others."""
    now = timezone.now()
    due = Webhook.objects.filter(next_attempt_at__lte=now).order_by("next_attempt_at")
    attempts = []
    for webhook in due.select_related("project__organization")[:limit]:
        lease_expires_at = now + LEASE
        is_claimed = Webhook.objects.filter(
            pk=webhook.pk, next_attempt_at=webhook.next_attempt_at
        ).update(next_attempt_at=lease_expires_at, attempts=webhook.attempts + 1)
        if is_claimed:
            webhook.attempts += 1
            attempts.append(
                DeliveryAttempt(
                    webhook=webhook,
                    organization=webhook.project.organization.slug,
                    project=webhook.project.slug,
                    revision=webhook.project.revision,
                    lease_expires_at=lease_expires_at,
                )
            )
    return attempts


@transaction.atomic
def mark_delivered(attempt: DeliveryAttempt) -> None:
    """Record a delivered revision. If there is a newer one, it is due at once."""
    # `bump_revision` changes this row first, so it is seen here, or waits for this.
    project = Project.objects.select_for_update(no_key=True).filter(
        pk=attempt.webhook.project_id
    )
    newest = project.values_list("revision", flat=True).first()
    is_behind = newest is not None and newest > attempt.revision
    _leased(attempt).update(
        told_revision=attempt.revision,
        attempts=0,
        last_error="",
        next_attempt_at=timezone.now() if is_behind else None,
    )


def mark_failed(attempt: DeliveryAttempt, error: str) -> None:
    """Record a failed attempt, and the time of the next one.

    After `MAX_ATTEMPTS` there is none until the next revision.
    """
    number = attempt.webhook.attempts
    pause = min(
        _FIRST_PAUSE * _PAUSE_FACTOR ** min(number - 1, MAX_ATTEMPTS), _MAX_PAUSE
    )
    has_given_up = number >= MAX_ATTEMPTS
    _leased(attempt).update(
        last_error=error,
        next_attempt_at=None if has_given_up else timezone.now() + pause,
    )


def describe_state(webhook: Webhook) -> str:
    """Describe the state of the delivery in words."""
    if webhook.next_attempt_at is not None and webhook.last_error:
        return (
            f"failed {webhook.attempts} times, tried again at "
            f"{webhook.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC: {webhook.last_error}"
        )
    if webhook.next_attempt_at is not None:
        return "about to be delivered"
    if webhook.last_error:
        return (
            f"given up after {webhook.attempts} times, until the next upload: "
            f"{webhook.last_error}"
        )
    return "up to date"


def _leased(attempt: DeliveryAttempt) -> QuerySet[Webhook]:
    """Select the webhook, if the lease of the attempt is still the current one."""
    return Webhook.objects.filter(
        pk=attempt.webhook.pk, next_attempt_at=attempt.lease_expires_at
    )


def _check_url(url: str) -> None:
    if fault := _fault_of_url(url):
        raise InvalidRequest(
            f"{url[:_MAX_URL_LENGTH]!r} is no URL for a webhook: {fault}."
        )


def _fault_of_url(url: str) -> str | None:
    try:
        parts = http_urls.split_http_url(url)
    except ValueError as error:
        return str(error)
    if "@" in parts.netloc or parts.fragment:
        return "it should have neither user name nor fragment"
    if not _PRINTABLE(url) or len(url) > _MAX_URL_LENGTH:
        return (
            f"it should be at most {_MAX_URL_LENGTH} ASCII characters, "
            "percent-encoded where necessary"
        )
    return None
