"""Of all processes one does what is done once in a while."""

from datetime import timedelta

import pytest
from django.db.models import F
from tests.concurrency import run_at_once

from symdepot.jobs import locks
from symdepot.jobs.models import PeriodicLock

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def let_pass(time: timedelta) -> None:
    PeriodicLock.objects.update(
        finished_at=F("finished_at") - time,
        lease_expires_at=F("lease_expires_at") - time,
    )


def test_what_nobody_has_asked_for_before_is_due_after_a_while() -> None:
    assert locks.acquire("gc", every=DAY) is None
    let_pass(DAY * 0.9)
    assert locks.acquire("gc", every=DAY) is None
    let_pass(DAY * 0.2)
    assert locks.acquire("gc", every=DAY) is not None


@pytest.mark.django_db(transaction=True)
def test_of_many_one_may() -> None:
    locks.acquire("gc", every=DAY)
    let_pass(2 * DAY)

    holders = run_at_once([lambda: locks.acquire("gc", every=DAY)] * 8)

    assert len([holder for holder in holders if holder]) == 1


def test_what_is_finished_is_due_again_later() -> None:
    with locks.periodic_lock("gc", every=timedelta(0)) as go_on:
        assert go_on is not None
        go_on()
        assert locks.acquire("gc", every=timedelta(0)) is None

    assert locks.acquire("gc", every=DAY) is None
    let_pass(2 * DAY)
    assert locks.acquire("gc", every=DAY) is not None


def test_what_failed_may_be_tried_at_once() -> None:
    with (
        pytest.raises(RuntimeError, match="mine"),
        locks.periodic_lock("gc", every=timedelta(0)),
    ):
        raise RuntimeError("mine")

    assert locks.acquire("gc", every=timedelta(0)) is not None


def test_what_was_left_lying_is_taken_over_when_the_lease_is_over() -> None:
    dead = locks.acquire("gc", every=timedelta(0))
    assert dead is not None
    let_pass(locks.LEASE * 1.1)

    other = locks.acquire("gc", every=timedelta(0))

    assert other is not None
    assert not locks.renew("gc", dead)
    assert locks.renew("gc", other)


def test_whoever_goes_on_keeps_it() -> None:
    holder = locks.acquire("gc", every=timedelta(0))
    assert holder is not None
    let_pass(locks.LEASE * 0.9)

    assert locks.renew("gc", holder)

    let_pass(locks.LEASE * 0.9)
    assert locks.acquire("gc", every=timedelta(0)) is None


def test_one_does_not_wait_for_another() -> None:
    assert locks.acquire("gc", every=timedelta(0)) is not None
    assert locks.acquire("symcaches", every=timedelta(0)) is not None
