"""One process at a time runs a periodic job."""

from datetime import timedelta

import pytest
from django.db.models import F
from tests.concurrency import run_at_once

from symdepot.jobs import locks
from symdepot.jobs.models import PeriodicLock

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def age_lock(time: timedelta) -> None:
    PeriodicLock.objects.update(
        finished_at=F("finished_at") - time,
        lease_expires_at=F("lease_expires_at") - time,
    )


def test_a_new_job_is_due_after_its_interval() -> None:
    assert locks.acquire("gc", every=DAY) is None
    age_lock(DAY * 0.9)
    assert locks.acquire("gc", every=DAY) is None
    age_lock(DAY * 0.2)
    assert locks.acquire("gc", every=DAY) is not None


@pytest.mark.django_db(transaction=True)
def test_concurrent_acquires_give_one_lock() -> None:
    locks.acquire("gc", every=DAY)
    age_lock(2 * DAY)

    holders = run_at_once([lambda: locks.acquire("gc", every=DAY)] * 8)

    assert len([holder for holder in holders if holder]) == 1


def test_a_finished_job_is_due_again_after_its_interval() -> None:
    with locks.periodic_lock("gc", every=timedelta(0)) as renew:
        assert renew is not None
        renew()
        assert locks.acquire("gc", every=timedelta(0)) is None

    assert locks.acquire("gc", every=DAY) is None
    age_lock(2 * DAY)
    assert locks.acquire("gc", every=DAY) is not None


def test_a_failed_job_stays_due() -> None:
    with (
        pytest.raises(RuntimeError, match="mine"),
        locks.periodic_lock("gc", every=timedelta(0)),
    ):
        raise RuntimeError("mine")

    assert locks.acquire("gc", every=timedelta(0)) is not None


def test_an_expired_lock_can_be_acquired_by_another() -> None:
    dead = locks.acquire("gc", every=timedelta(0))
    assert dead is not None
    age_lock(locks.LEASE * 1.1)

    other = locks.acquire("gc", every=timedelta(0))

    assert other is not None
    assert not locks.renew("gc", dead)
    assert locks.renew("gc", other)


def test_a_renewed_lock_is_kept() -> None:
    holder = locks.acquire("gc", every=timedelta(0))
    assert holder is not None
    age_lock(locks.LEASE * 0.9)

    assert locks.renew("gc", holder)

    age_lock(locks.LEASE * 0.9)
    assert locks.acquire("gc", every=timedelta(0)) is None


def test_jobs_have_separate_locks() -> None:
    assert locks.acquire("gc", every=timedelta(0)) is not None
    assert locks.acquire("symcaches", every=timedelta(0)) is not None
