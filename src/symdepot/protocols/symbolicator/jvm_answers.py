"""What clients are answered about the JVM, in a form that can be described and checked.

Source: spec/serving 4.5, "POST /symbolicate-jvm".
"""

from typing import Literal, NotRequired, TypedDict

from pydantic import ConfigDict, TypeAdapter, with_config

from symdepot.symbolication.jvm_request import Lack

_STRICT = ConfigDict(extra="forbid")


@with_config(_STRICT)
class AnsweredJvmFrame(TypedDict):
    """A frame under its real name, or as it came; inlined ones have the same `index`."""

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


@with_config(_STRICT)
class AnsweredJvmException(TypedDict):
    """The class of an exception."""

    type: str
    module: str


@with_config(_STRICT)
class AnsweredJvmStack(TypedDict):
    """A stack trace."""

    frames: list[AnsweredJvmFrame]


@with_config(_STRICT)
class UselessMapping(TypedDict):
    """A mapping that is not here, or that nothing can read."""

    uuid: str
    type: Lack


@with_config(_STRICT)
class CompletedJvm(TypedDict):
    """The whole answer; of `classes` those that a mapping knows."""

    status: Literal["completed"]
    exceptions: list[AnsweredJvmException]
    stacktraces: list[AnsweredJvmStack]
    classes: dict[str, str]
    errors: list[UselessMapping]


JVM_ANSWER: TypeAdapter[CompletedJvm] = TypeAdapter(CompletedJvm)
