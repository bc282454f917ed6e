"""What is asked and answered about a program for the JVM: frames, exceptions, classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from symdepot.domain.ids import DebugId


@dataclass(frozen=True, slots=True)
class JvmFrame:
    """A call, as a client knows it; `index` is its place in what the client has.

    A line of 0 is one that is not known; without one, a client did not even ask.
    """

    module: str
    function: str
    index: int
    lineno: int | None = None
    filename: str | None = None
    abs_path: str | None = None
    in_app: bool | None = None
    platform: str | None = None
    signature: str | None = None
    method_synthesized: bool | None = None
    pre_context: Sequence[str] | None = None
    context_line: str | None = None
    post_context: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class JvmException:
    """The class of an exception: its package, and its name in there."""

    type: str
    module: str

    @classmethod
    def named(cls, class_name: str) -> Self:
        """Return the exception of this whole name."""
        module, _, simple = class_name.rpartition(".")
        return cls(type=simple, module=module)

    @property
    def class_name(self) -> str:
        """The whole name of the class."""
        return f"{self.module}.{self.type}" if self.module else self.type


@dataclass(frozen=True, slots=True)
class JvmRequest:
    """All that is asked at once, and the files that may know: they are tried in order.

    Frames stand callers first, or else the other way around.
    """

    stacktraces: Sequence[Sequence[JvmFrame]] = ()
    exceptions: Sequence[JvmException] = ()
    class_names: Sequence[str] = ()
    mappings: Sequence[DebugId] = ()
    bundles: Sequence[DebugId] = ()
    release_package: str | None = None
    callers_first: bool = True


class MappingError(StrEnum):
    """Why a mapping did not help."""

    MISSING = "missing"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class JvmResult:
    """The same under real names; of classes only those that are known.

    `lacking` are the mappings that did not help.
    """

    stacktraces: Sequence[Sequence[JvmFrame]]
    exceptions: Sequence[JvmException]
    class_names: dict[str, str]
    lacking: dict[DebugId, MappingError]
