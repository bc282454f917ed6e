"""Measured figures and their targets."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Series:
    """The same thing measured several times."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> "Series":
        """Take them as they come."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        return f"{_short(self.median)} ({_short(low)} to {_short(high)})"


@dataclass(frozen=True, slots=True)
class Figure:
    """One result; `goal` is the most that it should be, if there is one.

    Where `more_is_better`, it is the least.
    """

    what: str
    value: float
    unit: str
    goal: float | None = None
    made_of: str = ""
    more_is_better: bool = False

    @property
    def bound(self) -> str:
        """The goal, as it is written."""
        if self.goal is None:
            return ""
        return f"{'≥' if self.more_is_better else '≤'} {_short(self.goal)}"

    @property
    def verdict(self) -> str:
        """Whether the goal is reached, in a word."""
        if self.goal is None:
            return ""
        short_of = self.goal - self.value
        is_reached = short_of <= 0 if self.more_is_better else short_of >= 0
        return "reached" if is_reached else "MISSED"


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print a table."""
    table = Table("what", "figure", "goal", "", "median, least and most", box=None)
    for figure in figures:
        value = f"{_short(figure.value)} {figure.unit}"
        told = (figure.what, value, figure.bound, figure.verdict, figure.made_of)
        table.add_row(*told)
    if not console.is_terminal:
        console.width = _WIDE_ENOUGH
    console.print(table)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write them down as JSON."""
    rows = [asdict(figure) | {"verdict": figure.verdict} for figure in figures]
    path.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


def _short(value: float) -> str:
    return f"{value:#.3g}".rstrip(".") if abs(value) < _MANY else f"{value:.0f}"


_MANY = 1000
_WIDE_ENOUGH = 160
