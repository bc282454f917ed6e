"""Shows how far long work has come, on standard error, if that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


@contextmanager
def show_counts(title: str) -> Iterator[Callable[[str, int], None]]:
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


class FileProgress:
    """Is told how far a way through many files has come, and what is to be said of it."""

    def __init__(self, shown: Progress, task: TaskID) -> None:
        self._shown = shown
        self._task = task
        self._files = 0

    def step(self, size_bytes: int) -> None:
        """Show that one more file, of this size, is behind us."""
        self._files += 1
        self._shown.update(self._task, advance=size_bytes, files=self._files)

    def say(self, text: str) -> None:
        """Write a line to standard error, above what is shown."""
        self._shown.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def show_files(title: str, *, files: int, size_bytes: int) -> Iterator[FileProgress]:
    """Lend what shows how many of so many files, and bytes, were worked through."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[files]:,} of {task.fields[all_files]:,} files"),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as shown:
        task = shown.add_task(title, total=size_bytes, files=0, all_files=files)
        yield FileProgress(shown, task)


@contextmanager
def show_bytes(title: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
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
