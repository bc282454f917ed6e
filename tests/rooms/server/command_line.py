"""What a command said when it was run."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommandResult:
    status: int
    out: str
    err: str


RunCommand = Callable[..., CommandResult]
"""Run a command in this very process, on the database of the tests."""
