"""How garbage collection, fsck and import report their progress."""

from typing import Protocol


class Progress(Protocol):
    """Called repeatedly during long work, with what was done since the last call."""

    def __call__(self, what: str, count: int, size_bytes: int = 0, /) -> object:
        """Report `count` more of `what` (a plural noun), of `size_bytes` together."""
        ...


def no_progress(what: str, count: int, size_bytes: int = 0, /) -> None:
    """Ignore the report."""
