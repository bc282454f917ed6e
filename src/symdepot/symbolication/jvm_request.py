"""Request and result of JVM symbolication: frames, exceptions, classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from symdepot.domain.ids import DebugId


@dataclass(frozen=True, slots=True)
class JvmFrame:
    """A frame as the client sends it; `index` identifies it to the client.

    `lineno`: 0 is unknown; None if the client did not send a line.
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
    """The class of an exception: `module` is the package, `type` the simple name."""

    type: str
    module: str

    @property
    def class_name(self) -> str:
        """The full class name."""
        return f"{self.module}.{self.type}" if self.module else self.type


@dataclass(frozen=True, slots=True)
class JvmRequest:
    """A request. `mappings` and `bundles` are tried in their order.

    Frames are ordered callers first, or callees first unless `callers_first`.
    """

    stacktraces: Sequence[Sequence[JvmFrame]] = ()
    exceptions: Sequence[JvmException] = ()
    class_names: Sequence[str] = ()
    mappings: Sequence[DebugId] = ()
    bundles: Sequence[DebugId] = ()
    release_package: str | None = None
    callers_first: bool = True


class MappingError(StrEnum):
    """Why a mapping could not be used."""

    MISSING = "missing"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class JvmResult:
    """The request under real names. `class_names` has only known classes."""

    stacktraces: Sequence[Sequence[JvmFrame]]
    exceptions: Sequence[JvmException]
    class_names: dict[str, str]
    mapping_errors: dict[DebugId, MappingError]
