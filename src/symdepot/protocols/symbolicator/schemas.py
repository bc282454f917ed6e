"""Schemas of native requests. Unknown keys are ignored.

Dictionaries, not classes: a frame has twenty fields of which clients send two, and an
unresolved frame is returned as it was sent.

Source: spec/serving 4.5, "POST /symbolicate".
"""

from typing import Annotated, Literal, TypedDict

from pydantic import BeforeValidator, Field, TypeAdapter

MAX_FRAMES = 100_000
"""Of all stacks: a thousand threads of a hundred frames. Each takes some kB."""
_MAX_REGISTERS = 1_000
_MANY = Field(max_length=10_000, fail_fast=True)

Uint64 = Annotated[int, Field(ge=0, le=2**64 - 1)]
Uint32 = Annotated[int, Field(ge=0, le=2**32 - 1)]


def _limited(registers: object) -> object:
    """Reject too many registers before each of them is validated."""
    if isinstance(registers, dict) and len(registers) > _MAX_REGISTERS:
        raise ValueError(f"more than {_MAX_REGISTERS} registers")
    return registers


type Address = Annotated[str, Field(pattern=r"^0[xX][0-9a-fA-F]{1,16}$")] | Uint64
"""Hexadecimal after `0x`, or a number, which may be a string."""
type AddressMode = Annotated[str, Field(pattern=r"^(abs|rel:[0-9]{1,9})$")]
type Registers = Annotated[dict[str, Address], BeforeValidator(_limited)]
# Fail fast: one error per list, not millions.
type Lines = Annotated[list[str], Field(fail_fast=True)]
type Trust = Literal["none", "scan", "cfiscan", "fp", "cfi", "prewalked", "context"]


class RawFrame(TypedDict, total=False):
    """A frame of the request."""

    instruction_addr: Address
    addr_mode: AddressMode | None
    adjust_instruction_addr: bool | None
    function_id: Address | None
    package: str | None
    lang: str | None
    symbol: str | None
    sym_addr: Address | None
    function: str | None
    filename: str | None
    abs_path: str | None
    lineno: Uint32 | None
    pre_context: Lines | None
    context_line: str | None
    post_context: Lines | None
    source_link: str | None
    in_app: bool | None
    trust: Trust | None
    vars: dict[str, object] | None


class RawStack(TypedDict, total=False):
    """The stack of a thread, innermost frame first."""

    thread_id: Uint64 | None
    thread_name: str | None
    is_requesting: bool | None
    registers: Registers | None
    frames: Annotated[list[RawFrame], Field(max_length=MAX_FRAMES, fail_fast=True)]


class RawModule(TypedDict, total=False):
    """A module of the process; one of an unknown `type` is not searched."""

    type: str | None
    code_id: str | None
    code_file: str | None
    debug_id: str | None
    debug_file: str | None
    debug_checksum: str | None
    image_addr: Address | None
    image_size: Uint64 | None


class Options(TypedDict, total=False):
    """Whether to return candidates and source context, and the order of frames."""

    dif_candidates: bool | None
    apply_source_context: bool | None
    frame_order: Literal["callee_first", "caller_first"] | None


class Body(TypedDict, total=False):
    """A request. `sources` is accepted and ignored."""

    platform: str | None
    signal: Uint32 | None
    stacktraces: Annotated[list[RawStack], _MANY]
    modules: Annotated[list[RawModule], _MANY]
    options: Options | None


BODY: TypeAdapter[Body] = TypeAdapter(Body)
