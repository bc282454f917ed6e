"""Schemas of responses, for OpenAPI and for tests.

Source: spec/serving 4.5, "Response 200".
"""

from typing import Literal, NotRequired, TypedDict

from pydantic import ConfigDict, TypeAdapter

from symdepot.domain.stacks.stack_resolver import FrameStatus, ModuleStatus


class Features(TypedDict):
    """What the files of a module contain."""

    has_debug_info: bool
    has_unwind_info: bool
    has_symbols: bool
    has_sources: bool


class Download(TypedDict):
    """Whether the file was found, and what it contains."""

    status: Literal["ok", "malformed", "noperm", "notfound", "error"]
    details: NotRequired[str]
    features: NotRequired[Features]


class Use(TypedDict):
    """Whether symbols could be looked up in the file."""

    status: Literal["ok", "malformed", "error"]
    details: NotRequired[str]


class TriedFile(TypedDict):
    """A file that was tried, with its status."""

    source: str
    location: str
    download: Download
    debug: NotRequired[Use]


class AnsweredModule(TypedDict):
    """The result for a module."""

    debug_status: ModuleStatus
    features: Features
    arch: str
    type: NotRequired[str]
    code_id: NotRequired[str]
    code_file: NotRequired[str]
    debug_id: NotRequired[str]
    debug_file: NotRequired[str]
    debug_checksum: NotRequired[str]
    image_addr: str
    image_size: NotRequired[int]
    candidates: NotRequired[list[TriedFile]]


class AnsweredFrame(TypedDict):
    """A symbolicated frame, or a frame as it was sent."""

    status: FrameStatus
    original_index: int
    instruction_addr: str
    addr_mode: NotRequired[str]
    adjust_instruction_addr: NotRequired[bool]
    function_id: NotRequired[str | int]
    package: NotRequired[str]
    lang: NotRequired[str]
    symbol: NotRequired[str]
    sym_addr: NotRequired[str | int]
    function: NotRequired[str]
    filename: NotRequired[str]
    abs_path: NotRequired[str]
    lineno: NotRequired[int]
    pre_context: NotRequired[list[str]]
    context_line: NotRequired[str]
    post_context: NotRequired[list[str]]
    source_link: NotRequired[str]
    in_app: NotRequired[bool]
    trust: NotRequired[str]
    vars: NotRequired[dict[str, object]]


class AnsweredStack(TypedDict):
    """The frames of a thread; inlined ones share an `original_index`."""

    thread_id: NotRequired[int]
    thread_name: NotRequired[str]
    is_requesting: NotRequired[bool]
    registers: NotRequired[dict[str, str | int]]
    frames: list[AnsweredFrame]


class Completed(TypedDict):
    """The result."""

    status: Literal["completed"]
    signal: NotRequired[int]
    stacktraces: list[AnsweredStack]
    modules: list[AnsweredModule]


class PendingOut(TypedDict):
    """Symcaches are being created: poll with this id after `retry_after` seconds."""

    status: Literal["pending"]
    request_id: str
    retry_after: int


class Refusal(TypedDict):
    """An error."""

    detail: str
    causes: list[str]


ANSWER: TypeAdapter[Completed | PendingOut] = TypeAdapter(
    Completed | PendingOut, config=ConfigDict(extra="forbid")
)
REFUSAL: TypeAdapter[Refusal] = TypeAdapter(Refusal)
