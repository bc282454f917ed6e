import time
from threading import BoundedSemaphore

from symdepot.jobs.polling import Backoff, waiting_slot


def test_it_pauses_until_the_deadline_and_not_beyond() -> None:
    started_at = time.monotonic()
    backoff = Backoff(started_at + 0.05, first_seconds=0.04, max_seconds=10)

    pauses = 0
    while backoff.pause():
        pauses += 1

    assert pauses < 5
    assert 0.05 <= time.monotonic() - started_at < 5


def test_it_does_not_pause_after_the_deadline() -> None:
    backoff = Backoff(time.monotonic() - 1, first_seconds=60, max_seconds=60)

    assert not backoff.pause()


def test_a_waiting_slot_is_free_again_after_its_block() -> None:
    slots = BoundedSemaphore(1)

    with waiting_slot(slots) as first, waiting_slot(slots) as second:
        assert (first, second) == (True, False)

    with waiting_slot(slots) as third:
        assert third
