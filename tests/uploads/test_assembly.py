"""Only the worker with the lease of an upload may change its state."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings
from tests.concurrency import run_at_once
from tests.factories import a_project
from tests.row_ages import age_assemblies

from symdepot.domain.errors import LeaseLost
from symdepot.domain.ids import Checksum, DebugId
from symdepot.jobs import leases
from symdepot.uploads import assembly
from symdepot.uploads.assembly import UploadRequest
from symdepot.uploads.models import Assembly, AwaitedChunk, State

pytestmark = pytest.mark.django_db

PARTS = (b"one", b"two", b"one")
CHUNKS = tuple(Checksum.of(part) for part in PARTS)
REQUEST = UploadRequest(Checksum.of(b"".join(PARTS)), "hello.sym", CHUNKS)
LEASE = timedelta(seconds=15)


@pytest.fixture(autouse=True)
def short_leases(settings: Settings) -> None:
    settings.LEASE_SECONDS = LEASE.total_seconds()
    settings.MAX_ATTEMPTS = 3


def queued(request: UploadRequest = REQUEST) -> int:
    with transaction.atomic():
        held = assembly.lock_rows(a_project(), [request])
        [pk] = assembly.queue({request: held[request.checksum]})
    return pk


def claimed(pk: int) -> Assembly:
    held = assembly.claim(pk)
    assert held is not None
    return held


def row() -> Assembly:
    return Assembly.objects.get()


def test_a_queued_row_has_the_data_of_the_request() -> None:
    queued(UploadRequest(REQUEST.checksum, "a/b", CHUNKS, DebugId.parse("a" * 32)))

    assert row().state == State.CREATED
    assert (row().name, row().debug_id) == (
        "a/b",
        "a" * 8 + "-aaaa" * 3 + "-" + "a" * 12,
    )
    assert row().chunks == [c.hex for c in CHUNKS]
    assert (row().attempts, row().lease_holder, row().detail) == (0, "", "")
    assert set(AwaitedChunk.objects.values_list("checksum", flat=True)) == {
        c.hex for c in CHUNKS
    }


def test_a_claimed_row_has_a_lease() -> None:
    before = timezone.now()

    held = claimed(queued())

    assert (held.state, held.attempts) == (State.ASSEMBLING, 1)
    assert len(held.lease_holder) == 16
    assert held.lease_expires_at is not None
    assert before + LEASE <= held.lease_expires_at <= timezone.now() + LEASE


def test_a_leased_row_cannot_be_claimed() -> None:
    pk = queued()
    claimed(pk)

    assert assembly.claim(pk) is None


@pytest.mark.django_db(transaction=True)
def test_concurrent_claims_give_one_lease() -> None:
    pk = queued()

    held = run_at_once([lambda: assembly.claim(pk)] * 8)

    assert len([each for each in held if each]) == 1
    assert row().attempts == 1


def test_a_row_whose_lease_expired_can_be_claimed() -> None:
    pk = queued()
    first = claimed(pk)

    age_assemblies(LEASE + timedelta(seconds=1))
    second = claimed(pk)

    assert second.attempts == 2
    assert second.lease_holder != first.lease_holder


@pytest.mark.parametrize("state", [State.NOT_FOUND, State.OK, State.ERROR])
def test_rows_at_rest_cannot_be_claimed(state: State) -> None:
    pk = queued()
    Assembly.objects.update(state=state)
    age_assemblies(timedelta(days=1))

    assert assembly.claim(pk) is None


def test_renewing_extends_the_lease() -> None:
    held = claimed(queued())
    age_assemblies(LEASE - timedelta(seconds=1))

    leases.renew(held)

    expires_at = row().lease_expires_at
    assert expires_at is not None
    assert expires_at > timezone.now() + LEASE - timedelta(seconds=1)
    assert requeue_abandoned() == []


def test_a_worker_without_its_lease_changes_nothing() -> None:
    pk = queued()
    slow = claimed(pk)
    age_assemblies(LEASE + timedelta(seconds=1))
    claimed(pk)
    before = Assembly.objects.values().get()

    with pytest.raises(LeaseLost):
        leases.renew(slow)
    with pytest.raises(LeaseLost):
        assembly.finish(slow)
    with pytest.raises(LeaseLost):
        assembly.fail(slow, "too late", retryable=True)
    with pytest.raises(LeaseLost):
        assembly.retry_later(slow, "too late")

    assert Assembly.objects.values().get() == before


def test_an_expired_lease_is_valid_until_another_worker_claims_the_row() -> None:
    held = claimed(queued())
    age_assemblies(timedelta(hours=1))

    assembly.finish(held)

    assert row().state == State.OK


def test_a_requeued_row_cannot_be_finished_by_its_old_worker() -> None:
    held = claimed(queued())
    age_assemblies(LEASE + timedelta(seconds=1))
    requeue_abandoned()

    with pytest.raises(LeaseLost):
        assembly.finish(held)

    assert row().state == State.CREATED


def test_a_finished_row_is_ok_and_awaits_no_chunks() -> None:
    assembly.finish(claimed(queued()))

    assert (row().state, row().detail) == (State.OK, "")
    assert not AwaitedChunk.objects.exists()


@pytest.mark.parametrize("retryable", [True, False])
def test_a_failed_row_has_the_error_and_awaits_no_chunks(*, retryable: bool) -> None:
    assembly.fail(claimed(queued()), "It is none.", retryable=retryable)

    assert (row().state, row().detail) == (State.ERROR, "It is none.")
    assert row().retryable is retryable
    assert not AwaitedChunk.objects.exists()


def test_pauses_of_retries_double_and_the_last_attempt_fails() -> None:
    pk = queued()
    pauses = []
    for _ in range(2):
        assembly.retry_later(claimed(pk), "The storage does not answer.")
        expires_at = row().lease_expires_at
        assert expires_at is not None
        pauses.append(round((expires_at - timezone.now()).total_seconds()))
        assert row().state == State.CREATED

    assembly.retry_later(claimed(pk), "The storage does not answer.")

    assert pauses == [2, 4]
    assert (row().state, row().retryable) == (State.ERROR, True)
    assert row().detail == "The storage does not answer."


def requeue_abandoned(*, is_queue_empty: bool = True) -> list[int]:
    return assembly.requeue(assembly.abandoned(is_queue_empty=is_queue_empty))


def test_a_file_whose_turn_has_not_come_is_not_queued_twice() -> None:
    requests = [UploadRequest(Checksum.of(b"%d" % n), "x", CHUNKS) for n in range(5)]
    passed, retried, in_work, second, third = (queued(request) for request in requests)
    claimed(in_work)
    assembly.retry_later(claimed(retried), "The storage does not answer.")
    Assembly.objects.exclude(pk=in_work).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )

    assert set(requeue_abandoned(is_queue_empty=False)) == {passed, retried}
    assert set(requeue_abandoned()) == {second, third}


def test_files_are_requeued_if_none_is_in_work() -> None:
    ids = [queued(UploadRequest(Checksum.of(b"%d" % n), "x", CHUNKS)) for n in range(2)]
    claimed(ids[0])
    age_assemblies(timedelta(hours=1))

    assert set(requeue_abandoned(is_queue_empty=False)) == set(ids)


def test_only_abandoned_rows_are_requeued() -> None:
    requests = [UploadRequest(Checksum.of(b"%d" % n), "x", CHUNKS) for n in range(4)]
    waiting, in_work, dead, lost = (queued(request) for request in requests)
    claimed(in_work)
    claimed(dead)
    Assembly.objects.filter(pk__in=[dead, lost]).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )

    assert set(requeue_abandoned()) == {dead, lost}

    assert requeue_abandoned() == []
    states = dict(Assembly.objects.values_list("pk", "state"))
    assert states == {
        waiting: State.CREATED,
        in_work: State.ASSEMBLING,
        dead: State.CREATED,
        lost: State.CREATED,
    }


def test_a_long_queue_is_requeued_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "_MAX_REQUEUED", 2)
    requests = [UploadRequest(Checksum.of(b"%d" % n), "x", CHUNKS) for n in range(5)]
    ids = [queued(request) for request in requests]
    age_assemblies(timedelta(hours=1))

    parts = [requeue_abandoned() for _ in range(4)]

    assert [len(part) for part in parts] == [2, 2, 1, 0]
    assert sorted(pk for part in parts for pk in part) == sorted(ids)


def test_the_time_until_the_next_requeue_doubles() -> None:
    queued()
    pauses = []
    for hours in (1, 2, 4):
        age_assemblies(timedelta(hours=hours))
        requeue_abandoned()
        expires_at = row().lease_expires_at
        assert expires_at is not None
        pauses.append(round((expires_at - timezone.now()) / timedelta(hours=1)))

    assert pauses == [1, 3, 7]


def test_requeueing_gives_up_after_the_last_attempt() -> None:
    pk = queued()
    requeued = []
    for _ in range(4):
        if assembly.claim(pk):
            age_assemblies(LEASE + timedelta(seconds=1))
        requeued.append(requeue_abandoned())

    assert requeued == [[pk], [pk], [], []]
    assert (row().state, row().attempts, row().retryable) == (State.ERROR, 3, True)
    assert row().detail == (
        "Gave up after 3 attempts: each ended the worker that made it."
    )


def test_a_new_request_resets_the_attempts() -> None:
    pk = queued()
    assembly.fail(claimed(pk), "It is none.", retryable=True)

    assert queued() == pk

    assert (row().attempts, row().detail, row().retryable) == (0, "", False)


def test_finished_returns_rows_at_rest() -> None:
    requests = {
        s: UploadRequest(Checksum.of(s.encode()), "x", CHUNKS) for s in State.values
    }
    for state, request in requests.items():
        pk = queued(request)
        Assembly.objects.filter(pk=pk).update(state=state)

    done = assembly.finished(a_project(), [o.checksum for o in requests.values()])

    assert done == {
        requests[state].checksum for state in (State.OK, State.ERROR, State.NOT_FOUND)
    }
