"""Nobody asks more often than he may, whichever process he asks."""

import subprocess
import sys
from pathlib import Path

import pytest

from symdepot.domain.errors import RateExceeded
from symdepot.projects import rate_limit
from symdepot.projects.rate_limit import RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rate_limit, "time", clock)
    return clock


def spent(kept: RateLimiter, asker: str, times: int, *, per_minute: int = 6) -> int:
    """Ask so often, and return how many of these were let in."""
    let_in = 0
    for _ in range(times):
        try:
            kept.consume(asker, per_minute=per_minute)
        except RateExceeded:
            continue
        let_in += 1
    return let_in


def test_per_minutes_worth_may_come_at_once_and_then_comes_back_evenly(
    tmp_path: Path, clock: Clock
) -> None:
    kept = RateLimiter(tmp_path / "rates")

    assert spent(kept, "a", 10) == 6
    clock.now += 10
    assert spent(kept, "a", 10) == 1
    clock.now += 60
    assert spent(kept, "a", 10) == 6


def test_who_came_too_often_hears_when_to_come_again(
    tmp_path: Path, clock: Clock
) -> None:
    kept = RateLimiter(tmp_path / "rates")
    spent(kept, "a", 6)
    clock.now += 4

    with pytest.raises(RateExceeded, match=r"more than 6 .* in 6 s") as refusal:
        kept.consume("a", per_minute=6)

    assert refusal.value.retry_after_seconds == pytest.approx(6)
    clock.now += refusal.value.retry_after_seconds + 0.001
    kept.consume("a", per_minute=6)


def test_one_asker_takes_nothing_from_another(tmp_path: Path, clock: Clock) -> None:
    kept = RateLimiter(tmp_path / "rates")
    spent(kept, "a", 10)

    assert spent(kept, "b", 10) == 6


def test_without_a_limit_nothing_is_counted(tmp_path: Path, clock: Clock) -> None:
    assert spent(RateLimiter(tmp_path / "rates"), "a", 1000, per_minute=0) == 1000


def test_a_clock_that_was_put_back_shuts_nobody_out_for_long(
    tmp_path: Path, clock: Clock
) -> None:
    kept = RateLimiter(tmp_path / "rates")
    spent(kept, "a", 10)
    clock.now -= 1_000_000

    with pytest.raises(RateExceeded) as refusal:
        kept.consume("a", per_minute=6)

    assert refusal.value.retry_after_seconds <= 60


def test_other_processes_count_along(tmp_path: Path) -> None:
    kept = RateLimiter(tmp_path / "rates")
    program = (
        "import sys; from pathlib import Path; from symdepot.projects.rate_limit import RateLimiter;"
        "kept = RateLimiter(Path(sys.argv[1]));"
        "[kept.consume('a', per_minute=100) for _ in range(60)]"
    )

    subprocess.run(  # noqa: S603 -- our own words
        [sys.executable, "-c", program, str(tmp_path / "rates")], check=True
    )

    assert spent(kept, "a", 100, per_minute=100) in {40, 41, 42, 43, 44}
