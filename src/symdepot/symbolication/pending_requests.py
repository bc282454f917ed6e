"""Store requests whose symcaches are not ready, until their clients poll."""

import zlib
from datetime import timedelta
from uuid import UUID, uuid4

from django.utils import timezone

from symdepot.domain.errors import RequestMissing
from symdepot.projects.models import Token
from symdepot.symbolication.models import PendingQuestion

EXPIRES_AFTER = timedelta(minutes=15)
"""How long a request may be pending. Source: spec/serving 4.5, "job hard limit"."""
_STORED_FOR = EXPIRES_AFTER + timedelta(seconds=90)
_ANSWERED_STORED_FOR = timedelta(seconds=90)
"""Source: spec/serving 4.5, "result kept 90 s"."""
_MAX_PER_TOKEN = 200
"""Stored requests of one token; the oldest are deleted."""


def store(body: bytes, token: Token | None) -> UUID:
    """Store the body of a request that `token` sent, and return its id.

    Deletes the oldest requests above the limit per token; all requests without a token
    count as one.
    """
    now = timezone.now()
    others = PendingQuestion.objects.filter(token=token).order_by("-asked_at", "pk")
    too_old = others.values_list("pk", flat=True)[_MAX_PER_TOKEN - 1 :]
    PendingQuestion.objects.filter(pk__in=list(too_old)).delete()
    row = PendingQuestion.objects.create(
        id=uuid4(),
        token=token,
        body=zlib.compress(body, level=zlib.Z_BEST_SPEED),
        patient_until=now + EXPIRES_AFTER,
        expires_at=now + _STORED_FOR,
    )
    return row.id


def fetch(request_id: UUID, token: Token | None) -> tuple[bytes, bool]:
    """Return the body of a stored request, and whether it may still be pending.

    Raises:
        RequestMissing: there is none with this id and token.
    """
    now = timezone.now()
    rows = PendingQuestion.objects.filter(pk=request_id, token=token)
    found = rows.filter(expires_at__gt=now).first()
    if found is None:
        raise RequestMissing(str(request_id))
    return zlib.decompress(found.body), now < found.patient_until


def mark_answered(request_id: UUID) -> None:
    """Let a request expire soon; until then a client that lost the response may poll.

    Polling again does not extend this.
    """
    until = timezone.now() + _ANSWERED_STORED_FOR
    unexpired = PendingQuestion.objects.filter(pk=request_id, expires_at__gt=until)
    unexpired.update(expires_at=until)


def delete_expired() -> int:
    """Delete expired requests; return their number."""
    expired = PendingQuestion.objects.filter(expires_at__lte=timezone.now())
    return expired.delete()[0]
