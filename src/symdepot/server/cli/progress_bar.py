"""Progress on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


class ProgressDisplay:
    """A `pipeline.progress_callback.Progress` that shows the latest kind of work and its count."""

    def __init__(self, shown: Progress, task: TaskID, total_count: int | None) -> None:
        self._shown = shown
        self._task = task
        self._of_total = "" if total_count is None else f" of {total_count:,}"
        self._counts: dict[str, int] = {}

    def __call__(self, what: str, count: int, size_bytes: int = 0, /) -> None:
        """Add to what is shown."""
        done = self._counts[what] = self._counts.get(what, 0) + count
        text = f"{done:,}{self._of_total} {what}"
        self._shown.update(self._task, advance=size_bytes, text=text)

    def print(self, text: str) -> None:
        """Write a line to standard error, above the progress."""
        self._shown.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def show_progress(
    title: str, *, total_count: int | None = None, total_bytes: int | None = None
) -> Iterator[ProgressDisplay]:
    """Show progress on standard error if that is a terminal.

    A bar and the remaining time if `total_bytes` is known, else a spinner.
    """
    text = (TextColumn("{task.description}"), TextColumn("{task.fields[text]}"))
    columns: tuple[ProgressColumn, ...] = (SpinnerColumn(), *text)
    if total_bytes is not None:
        columns = (text[0], BarColumn(), text[1], DownloadColumn())
        columns = (*columns, TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as shown:
        task = shown.add_task(title, total=total_bytes, text="")
        yield ProgressDisplay(shown, task, total_count)
