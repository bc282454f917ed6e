"""Shows the progress of a measurement on standard error."""

from collections.abc import Iterable

from rich.console import Console
from rich.progress import track


def of[T](what: str, things: Iterable[T]) -> Iterable[T]:
    """Yield `things`, while a terminal shows how many there are to come."""
    console = Console(stderr=True)
    return track(
        list(things),
        what,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
