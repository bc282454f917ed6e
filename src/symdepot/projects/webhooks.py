"""Webhooks: where to tell of a project's revisions, whose turn it is, how it went.

Moves a project's revision, so that consumers see that new debug files arrived.
"""

import re
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from symdepot.domain.errors import InvalidRequest
from symdepot.projects import audit
from symdepot.projects.audit import Action
from symdepot.projects.models import Project, Webhook

MAX_ATTEMPTS = 10
LEASE = timedelta(minutes=2)
"""Longer than one attempt can take, with its questions to the name servers."""
_FIRST_PAUSE = timedelta(seconds=10)
_PAUSE_GROWS_BY = 3
_LONGEST_PAUSE = timedelta(hours=1)
_SECRET_BYTES = 32
_LONGEST_URL = 2000
_PRINTABLE = re.compile(r"[!-~]+").fullmatch


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One attempt, which nobody else makes until `ends_at`."""

    webhook: Webhook
    organization: str
    project: str
    revision: int
    ends_at: datetime


@transaction.atomic
def add(project: Project, url: str, *, by: str) -> Webhook:
    """Tell `url` of each revision of `project` from now on.

    The secret that signs what is told is in the row that is returned.

    Raises:
        InvalidRequest: `url` cannot be one, or is told already.
    """
    _check(url)
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
    """Tell the webhook whose row has this number nothing more; return what it was.

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


def claim_due(most: int) -> list[DeliveryAttempt]:
    """Take up to `most` attempts that are due; whoever else asks gets others.

    An attempt that nobody brings to an end, because its process was killed, is due
    again when the turn ends.
    """
    now = timezone.now()
    due = Webhook.objects.filter(next_attempt_at__lte=now).order_by("next_attempt_at")
    turns = []
    for seen in due.select_related("project__organization")[:most]:
        ends_at = now + LEASE
        mine = Webhook.objects.filter(
            pk=seen.pk, next_attempt_at=seen.next_attempt_at
        ).update(next_attempt_at=ends_at, attempts=seen.attempts + 1)
        if mine:
            seen.attempts += 1
            turns.append(
                DeliveryAttempt(
                    webhook=seen,
                    organization=seen.project.organization.slug,
                    project=seen.project.slug,
                    revision=seen.project.revision,
                    ends_at=ends_at,
                )
            )
    return turns


@transaction.atomic
def mark_delivered(turn: DeliveryAttempt) -> None:
    """Note that the webhook knows the revision; a newer one is told next, at once."""
    # Whoever moves the revision has this row, so a move is seen here or sees this.
    project = Project.objects.select_for_update(no_key=True).filter(
        pk=turn.webhook.project_id
    )
    newest = project.values_list("revision", flat=True).first()
    is_behind = newest is not None and newest > turn.revision
    _still_mine(turn).update(
        told_revision=turn.revision,
        attempts=0,
        last_error="",
        next_attempt_at=timezone.now() if is_behind else None,
    )


def mark_failed(turn: DeliveryAttempt, why: str) -> None:
    """Note why the attempt failed, and when the next is due, if any.

    After `MAX_ATTEMPTS` there is none, until the revision moves again.
    """
    attempts = turn.webhook.attempts
    pause = min(
        _FIRST_PAUSE * _PAUSE_GROWS_BY ** min(attempts - 1, MAX_ATTEMPTS),
        _LONGEST_PAUSE,
    )
    has_given_up = attempts >= MAX_ATTEMPTS
    _still_mine(turn).update(
        last_error=why,
        next_attempt_at=None if has_given_up else timezone.now() + pause,
    )


def describe_state(webhook: Webhook) -> str:
    """Say in words how far the telling has come."""
    if webhook.next_attempt_at is not None and webhook.last_error:
        return (
            f"failed {webhook.attempts} times, tried again at "
            f"{webhook.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC: {webhook.last_error}"
        )
    if webhook.next_attempt_at is not None:
        return "about to be told"
    if webhook.last_error:
        return (
            f"given up after {webhook.attempts} times, until the next upload: "
            f"{webhook.last_error}"
        )
    return "up to date"


def _still_mine(turn: DeliveryAttempt) -> QuerySet[Webhook]:
    return Webhook.objects.filter(pk=turn.webhook.pk, next_attempt_at=turn.ends_at)


def _check(url: str) -> None:
    """Refuse what cannot be told: anything but a plain http or https URL."""
    try:
        parts = urlsplit(url)
        is_good = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.port != 0
            and "@" not in parts.netloc
            and not parts.fragment
        )
    except ValueError:
        is_good = False
    if not is_good or not _PRINTABLE(url) or len(url) > _LONGEST_URL:
        raise InvalidRequest(
            f"{url[:_LONGEST_URL]!r} cannot be told anything: take http:// or "
            "https:// and a host, with neither user name nor fragment, of at most "
            f"{_LONGEST_URL} ASCII characters, percent-encoded where need be."
        )


@transaction.atomic
def bump_revision(project: Project) -> None:
    """Note that debug files arrived, and that the project's webhooks are to tell it.

    In the transaction in which they arrive.
    """
    Project.objects.filter(pk=project.pk).update(revision=F("revision") + 1)
    Webhook.objects.filter(project=project, next_attempt_at=None).update(
        next_attempt_at=timezone.now()
    )
