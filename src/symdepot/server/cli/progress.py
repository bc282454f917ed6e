"""Shows how far long work has come, on standard error, if that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)


@contextmanager
def counted(title: str) -> Iterator[Callable[[str, int], None]]:
    """Lend what is to be told which kind of things was done, and how many more."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as shown:
        task = shown.add_task(title)
        done: dict[str, int] = {}

        def step(what: str, count: int) -> None:
            done[what] = done.get(what, 0) + count
            shown.update(task, description=f"{title}: {done[what]:,} {what}")

        yield step


@contextmanager
def measured(title: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Lend what is to be told how many more of `total_bytes` were worked through."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as shown:
        task = shown.add_task(title, total=total_bytes)
        yield lambda size_bytes: shown.advance(task, size_bytes)
