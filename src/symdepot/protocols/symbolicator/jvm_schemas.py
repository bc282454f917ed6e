"""Schemas of JVM requests and responses. Unknown keys of requests are ignored.

Source: spec/serving 4.5, "POST /symbolicate-jvm".
"""

from typing import Annotated, Literal, NotRequired, Required, TypedDict

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, with_config

from symdepot.domain.ids import DebugId
from symdepot.protocols.symbolicator.schemas import Lines, Uint32, Uint64
from symdepot.symbolication.jvm_request import MappingError

_MODULES = Field(max_length=100, fail_fast=True)
"""A program has one mapping, and a source bundle per part."""
_MANY = Field(max_length=100_000, fail_fast=True)
"""Lists fail fast, because errors take much more memory."""


def _debug_id(text: str) -> str:
    DebugId.parse(text)
    return text


type Uuid = Annotated[str, AfterValidator(_debug_id)]


class RawJvmFrame(TypedDict, total=False):
    """A frame of the request: `module` is a class, `function` its method."""

    platform: str | None
    function: Required[str]
    module: Required[str]
    index: Required[Uint64]
    filename: str | None
    abs_path: str | None
    lineno: Uint32 | None
    in_app: bool | None
    signature: str | None
    method_synthesized: bool | None
    pre_context: Lines | None
    context_line: str | None
    post_context: Lines | None


class RawJvmException(TypedDict):
    """The class of an exception: `module` is the package, `type` the simple name."""

    type: str
    module: str


class RawJvmStack(TypedDict):
    """A stack trace."""

    frames: Annotated[list[RawJvmFrame], _MANY]


class RawJvmModule(TypedDict):
    """A mapping or a source bundle."""

    uuid: Uuid
    type: Literal["proguard", "source"]


class JvmOptions(TypedDict, total=False):
    """Whether source context is added, and the order of frames."""

    apply_source_context: bool
    frame_order: Literal["caller_first", "callee_first"]


class JvmBody(TypedDict, total=False):
    """A request. `sources` is accepted and ignored."""

    platform: str | None
    exceptions: Annotated[list[RawJvmException], _MANY]
    stacktraces: Annotated[list[RawJvmStack], _MANY]
    modules: Annotated[list[RawJvmModule], _MODULES]
    release_package: str | None
    classes: Annotated[list[str], _MANY]
    options: JvmOptions


JVM_BODY: TypeAdapter[JvmBody] = TypeAdapter(JvmBody)


class AnsweredJvmFrame(TypedDict):
    """A frame under its real name, or as it was sent; inlined ones share an `index`."""

    module: str
    function: str
    index: int
    platform: NotRequired[str]
    filename: NotRequired[str]
    abs_path: NotRequired[str]
    lineno: NotRequired[int]
    in_app: NotRequired[bool]
    signature: NotRequired[str]
    method_synthesized: NotRequired[bool]
    pre_context: NotRequired[list[str]]
    context_line: NotRequired[str]
    post_context: NotRequired[list[str]]


class AnsweredJvmException(TypedDict):
    """The class of an exception."""

    type: str
    module: str


class AnsweredJvmStack(TypedDict):
    """A stack trace."""

    frames: list[AnsweredJvmFrame]


class UselessMapping(TypedDict):
    """A mapping that is missing or unreadable."""

    uuid: str
    type: MappingError


@with_config(ConfigDict(extra="forbid"))
class CompletedJvm(TypedDict):
    """The result; `classes` has only those that a mapping knows."""

    status: Literal["completed"]
    exceptions: list[AnsweredJvmException]
    stacktraces: list[AnsweredJvmStack]
    classes: dict[str, str]
    errors: list[UselessMapping]


JVM_ANSWER: TypeAdapter[CompletedJvm] = TypeAdapter(CompletedJvm)
