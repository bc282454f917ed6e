"""Exit status and output of a command."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommandResult:
    status: int
    out: str
    err: str


RunCommand = Callable[..., CommandResult]
"""A function that runs a command in this process, on the database of the tests."""
