"""Who holds the lease of an upload may write how far it has come, and nobody else."""

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
OFFER = UploadRequest(Checksum.of(b"".join(PARTS)), "hello.sym", CHUNKS)
LEASE = timedelta(seconds=15)


@pytest.fixture(autouse=True)
def lease(settings: Settings) -> None:
    settings.LEASE_SECONDS = LEASE.total_seconds()
    settings.MAX_ATTEMPTS = 3


def queued(offer: UploadRequest = OFFER) -> int:
    with transaction.atomic():
        held = assembly.lock_rows(a_project(), [offer])
        [pk] = assembly.queue({offer: held[offer.checksum]})
    return pk


def begun(pk: int) -> Assembly:
    held = assembly.claim(pk)
    assert held is not None
    return held


def row() -> Assembly:
    return Assembly.objects.get()


def test_a_queued_file_carries_what_the_client_said() -> None:
    queued(UploadRequest(OFFER.checksum, "a/b", CHUNKS, DebugId.parse("a" * 32)))

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


def test_a_worker_that_begins_has_a_lease_of_its_own() -> None:
    before = timezone.now()

    held = begun(queued())

    assert (held.state, held.attempts) == (State.ASSEMBLING, 1)
    assert len(held.lease_holder) == 16
    assert held.lease_expires_at is not None
    assert before + LEASE <= held.lease_expires_at <= timezone.now() + LEASE


def test_what_is_in_work_is_not_begun_by_another() -> None:
    pk = queued()
    begun(pk)

    assert assembly.claim(pk) is None


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_that_begin_at_once_one_holds_the_lease() -> None:
    pk = queued()

    held = run_at_once([lambda: assembly.claim(pk)] * 8)

    assert len([each for each in held if each]) == 1
    assert row().attempts == 1


def test_what_was_left_lying_is_begun_by_another() -> None:
    pk = queued()
    first = begun(pk)

    age_assemblies(LEASE + timedelta(seconds=1))
    second = begun(pk)

    assert second.attempts == 2
    assert second.lease_holder != first.lease_holder


@pytest.mark.parametrize("state", [State.NOT_FOUND, State.OK, State.ERROR])
def test_what_is_not_queued_is_not_begun(state: State) -> None:
    pk = queued()
    Assembly.objects.update(state=state)
    age_assemblies(timedelta(days=1))

    assert assembly.claim(pk) is None


def test_a_renewed_lease_runs_anew() -> None:
    held = begun(queued())
    age_assemblies(LEASE - timedelta(seconds=1))

    leases.renew(held)

    expires_at = row().lease_expires_at
    assert expires_at is not None
    assert expires_at > timezone.now() + LEASE - timedelta(seconds=1)
    assert assembly.requeue_abandoned() == []


def test_a_worker_that_lost_its_lease_writes_nothing_any_more() -> None:
    pk = queued()
    slow = begun(pk)
    age_assemblies(LEASE + timedelta(seconds=1))
    begun(pk)
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


def test_a_lease_that_ran_out_is_good_as_long_as_nobody_took_it() -> None:
    held = begun(queued())
    age_assemblies(timedelta(hours=1))

    assembly.finish(held)

    assert row().state == State.OK


def test_what_was_taken_back_is_not_finished_by_its_old_worker() -> None:
    held = begun(queued())
    age_assemblies(LEASE + timedelta(seconds=1))
    assembly.requeue_abandoned()

    with pytest.raises(LeaseLost):
        assembly.finish(held)

    assert row().state == State.CREATED


def test_finished_is_ok_and_awaits_nothing() -> None:
    assembly.finish(begun(queued()))

    assert (row().state, row().detail) == (State.OK, "")
    assert not AwaitedChunk.objects.exists()


@pytest.mark.parametrize("retryable", [True, False])
def test_failed_is_an_error_with_its_text_and_awaits_nothing(
    *, retryable: bool
) -> None:
    assembly.fail(begun(queued()), "It is none.", retryable=retryable)

    assert (row().state, row().detail) == (State.ERROR, "It is none.")
    assert row().retryable is retryable
    assert not AwaitedChunk.objects.exists()


def test_what_is_put_back_waits_longer_each_time_and_is_an_error_in_the_end() -> None:
    pk = queued()
    pauses = []
    for _ in range(2):
        assembly.retry_later(begun(pk), "The storage does not answer.")
        expires_at = row().lease_expires_at
        assert expires_at is not None
        pauses.append(round((expires_at - timezone.now()).total_seconds()))
        assert row().state == State.CREATED

    assembly.retry_later(begun(pk), "The storage does not answer.")

    assert pauses == [2, 4]
    assert (row().state, row().retryable) == (State.ERROR, True)
    assert row().detail == "The storage does not answer."


def test_only_what_nobody_works_on_is_taken_back() -> None:
    offers = [UploadRequest(Checksum.of(b"%d" % n), "x", CHUNKS) for n in range(4)]
    waiting, in_work, dead, lost = (queued(offer) for offer in offers)
    begun(in_work)
    begun(dead)
    Assembly.objects.filter(pk__in=[dead, lost]).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )

    assert set(assembly.requeue_abandoned()) == {dead, lost}

    assert assembly.requeue_abandoned() == []
    states = dict(Assembly.objects.values_list("pk", "state"))
    assert states == {
        waiting: State.CREATED,
        in_work: State.ASSEMBLING,
        dead: State.CREATED,
        lost: State.CREATED,
    }


def test_what_is_taken_back_is_left_alone_longer_the_longer_it_has_been_queued() -> (
    None
):
    queued()
    pauses = []
    for hours in (1, 2, 4):
        age_assemblies(timedelta(hours=hours))
        assembly.requeue_abandoned()
        expires_at = row().lease_expires_at
        assert expires_at is not None
        pauses.append(round((expires_at - timezone.now()) / timedelta(hours=1)))

    assert pauses == [1, 3, 7]


def test_a_file_that_ends_each_of_its_workers_is_given_up() -> None:
    pk = queued()
    taken_back = []
    for _ in range(4):
        if assembly.claim(pk):
            age_assemblies(LEASE + timedelta(seconds=1))
        taken_back.append(assembly.requeue_abandoned())

    assert taken_back == [[pk], [pk], [], []]
    assert (row().state, row().attempts, row().retryable) == (State.ERROR, 3, True)
    assert row().detail == (
        "Gave up after 3 attempts: each ended the worker that made it."
    )


def test_an_offer_made_anew_begins_to_count_from_nothing() -> None:
    pk = queued()
    assembly.fail(begun(pk), "It is none.", retryable=True)

    assert queued() == pk

    assert (row().attempts, row().detail, row().retryable) == (0, "", False)


def test_finished_are_those_that_nobody_works_on_or_will() -> None:
    offers = {
        s: UploadRequest(Checksum.of(s.encode()), "x", CHUNKS) for s in State.values
    }
    for state, offer in offers.items():
        pk = queued(offer)
        Assembly.objects.filter(pk=pk).update(state=state)

    done = assembly.finished(a_project(), [o.checksum for o in offers.values()])

    assert done == {
        offers[state].checksum for state in (State.OK, State.ERROR, State.NOT_FOUND)
    }
