"""Keeps requests that cannot be answered yet, until their clients come again."""

import zlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from django.utils import timezone

from symdepot.domain.errors import RequestMissing
from symdepot.projects.models import Token
from symdepot.symbolication.models import PendingQuestion

EXPIRES_AFTER = timedelta(minutes=15)
"""How long an answer is waited for. Source: spec/serving 4.5, "job hard limit"."""
_KEPT = EXPIRES_AFTER + timedelta(seconds=90)
_ANSWERED_KEPT = timedelta(seconds=90)
"""Source: spec/serving 4.5, "result kept 90 s"."""
_QUICK = 1
_MOST_OF_A_TOKEN = 200
"""How many requests of a token are kept; those that were asked first go."""


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request that waits, as it came; whether it may wait on, rather than be answered."""

    body: bytes
    may_wait: bool


def keep(body: bytes, token: Token | None) -> UUID:
    """Keep the body of a request for whoever shows `token`, and return its id.

    Of those that a token has waiting, or that all without one have, some are kept.
    """
    now = timezone.now()
    others = PendingQuestion.objects.filter(token=token).order_by("-asked_at", "pk")
    too_old = others.values_list("pk", flat=True)[_MOST_OF_A_TOKEN - 1 :]
    PendingQuestion.objects.filter(pk__in=list(too_old)).delete()
    kept = PendingQuestion.objects.create(
        id=uuid4(),
        token=token,
        body=zlib.compress(body, _QUICK),
        patient_until=now + EXPIRES_AFTER,
        expires_at=now + _KEPT,
    )
    return kept.id


def fetch(request_id: UUID, token: Token | None) -> PendingRequest:
    """Return what was kept.

    Raises:
        RequestMissing: there is no such request, or not of this token.
    """
    now = timezone.now()
    found = PendingQuestion.objects.open(now).filter(pk=request_id, token=token).first()
    if found is None:
        raise RequestMissing(str(request_id))
    return PendingRequest(zlib.decompress(found.body), now < found.patient_until)


def mark_answered(request_id: UUID) -> None:
    """Forget a request soon: a client may have lost the answer, and ask once more.

    Asking again makes it last no longer.
    """
    until = timezone.now() + _ANSWERED_KEPT
    lasting = PendingQuestion.objects.filter(pk=request_id, expires_at__gt=until)
    lasting.update(expires_at=until)


def delete_expired() -> int:
    """Forget what nobody may ask for any more; return how many there were."""
    gone, _ = PendingQuestion.objects.over(timezone.now()).delete()
    return gone
