"""Verification of stored chunks: their bytes are read and hashed before they are served.

A chunk is trusted for `settings.VERIFY_DAYS` after it was last read and found sound, unless
its file on the local disk changed since. So a whole file, a range or a section is never
served from bytes that nobody has read back, and reading them twice is paid once in that
time, by the first request or, before it, by `verify_due` in the background. What a disk
changes by itself after a chunk was verified is found when it is due again.

A damaged chunk loses its owners, so that the next upload of a file with it sends it again.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.utils import timezone

from symdepot.blobs.incoming import verify_content
from symdepot.blobs.store import BlobStore, LocalState
from symdepot.domain.errors import BlobDamaged, BlobMissing, ContentDamaged
from symdepot.jobs.locks import brief_transaction
from symdepot.uploads import chunks
from symdepot.uploads.models import Chunk, StoredChunk

_ROWS_PER_QUERY = 100
_LOCKS = [Lock() for _ in range(16)]
"""By the first digit of the checksum: a hundred first requests for a chunk read it once."""
_log = structlog.get_logger(__name__)


class VerifiedChunks(NamedTuple):
    """What `verify_due` has read."""

    chunks: int
    size_bytes: int
    damaged: int


class VerificationSummary(NamedTuple):
    """How many chunks are damaged or gone, and the oldest verification of any.

    `oldest` is None if none was verified yet.
    """

    damaged: int
    oldest: datetime | None


def require_sound(stored: Iterable[StoredChunk], store: BlobStore) -> None:
    """Verify those of these chunks that are not trusted, and the size of all.

    Raises:
        ContentDamaged: one is damaged or gone. It is recorded, and verified again if it
            changes.
        StorageUnavailable: the store did not answer.
    """
    for chunk in stored:
        state = _local_state(chunk, store)
        if chunk.is_damaged and not _has_changed(chunk, state):
            raise ContentDamaged(chunk.checksum)
        if not _is_trusted(chunk, state):
            _verify_once(chunk, state, store)


def verify_due(store: BlobStore, *, limit_bytes: int) -> VerifiedChunks:
    """Verify chunks that are due, the longest unverified first, until `limit_bytes` are read.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    before = timezone.now() - timedelta(days=settings.VERIFY_DAYS)
    due = Chunk.objects.filter(
        Q(verified_at=None) | Q(verified_at__lt=before), is_damaged=False
    ).order_by(F("verified_at").asc(nulls_first=True))
    count, size_bytes, damaged = 0, 0, 0
    for row in due[:_ROWS_PER_QUERY]:
        if size_bytes >= limit_bytes:
            break
        chunk = row.stored_chunk()
        try:
            _verify(chunk, _local_state(chunk, store), store)
        except ContentDamaged:
            damaged += 1
        count, size_bytes = count + 1, size_bytes + chunk.size_bytes
    return VerifiedChunks(count, size_bytes, damaged)


def summary() -> VerificationSummary:
    """Return how far verification has come. Two lookups in indexes."""
    verified = Chunk.objects.exclude(verified_at=None).order_by("verified_at")
    return VerificationSummary(
        damaged=Chunk.objects.filter(is_damaged=True).count(),
        oldest=verified.values_list("verified_at", flat=True).first(),
    )


def _has_changed(chunk: StoredChunk, state: LocalState | None) -> bool:
    return (
        state is not None
        and chunk.verified_at is not None
        and state.changed_at > chunk.verified_at
    )


def _is_trusted(chunk: StoredChunk, state: LocalState | None) -> bool:
    if chunk.is_damaged or chunk.verified_at is None or _has_changed(chunk, state):
        return False
    if state is not None and state.size_bytes != chunk.size_bytes:
        return False
    return timezone.now() - chunk.verified_at < timedelta(days=settings.VERIFY_DAYS)


def _local_state(chunk: StoredChunk, store: BlobStore) -> LocalState | None:
    started_at = timezone.now()
    try:
        return store.local_state(chunk.checksum)
    except BlobMissing as error:
        _record_damage(chunk, started_at, started_at)
        raise ContentDamaged(chunk.checksum) from error


def _verify_once(
    chunk: StoredChunk, state: LocalState | None, store: BlobStore
) -> None:
    """Verify the chunk, unless another thread has just done so."""
    with _LOCKS[int(chunk.checksum.hex[0], 16)]:
        row = Chunk.objects.filter(checksum=chunk.checksum.hex).first()
        if row is None or not _is_trusted(row.stored_chunk(), state):
            _verify(chunk, state, store)


def _verify(chunk: StoredChunk, state: LocalState | None, store: BlobStore) -> None:
    """Read the chunk, and record the result."""
    # The time before: what changes while it is read is verified again. Never before the
    # time of the file, whose disk may have another clock.
    started_at = timezone.now()
    verified_at = max(started_at, state.changed_at) if state else started_at
    try:
        with store.open(chunk.checksum) as content:
            verify_content(content, chunk.checksum)
    except (BlobDamaged, BlobMissing) as error:
        _record_damage(chunk, started_at, verified_at)
        raise ContentDamaged(chunk.checksum) from error
    rows = Chunk.objects.filter(checksum=chunk.checksum.hex)
    try:
        with brief_transaction():
            rows.update(verified_at=verified_at, is_damaged=False)
    except DatabaseError as error:
        # It is read again the next time.
        _log.info("chunk.verification_not_recorded", error=str(error).strip())


def _record_damage(
    chunk: StoredChunk, started_at: datetime, verified_at: datetime
) -> None:
    """Record that what was stored at `started_at` is damaged or gone.

    Changes nothing if the chunk was sent again since: other bytes were read than there are.
    """
    with transaction.atomic():
        rows = Chunk.objects.filter(
            checksum=chunk.checksum.hex, received_at__lt=started_at
        )
        if not rows.update(verified_at=verified_at, is_damaged=True):
            return
        chunks.forget_damaged(chunk.checksum)
    _log.error("chunk.damaged", checksum=str(chunk.checksum))
