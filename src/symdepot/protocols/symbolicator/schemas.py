"""What a client sends to have addresses looked up.

Dictionaries, and not classes: a frame has twenty fields of which clients send two, and
one that cannot be resolved is sent back as it came. What is not named here is ignored.

Source: spec/serving 4.5, "POST /symbolicate".
"""

from typing import Annotated, Literal, TypedDict

from pydantic import BeforeValidator, Field, TypeAdapter

MOST_FRAMES = 100_000
"""Of all stacks together: a thousand threads, a hundred deep. Each takes some kB."""
_MOST_STACKS = 10_000
_MOST_MODULES = 10_000
_MOST_REGISTERS = 1_000
_MOST = 2**64 - 1
_MOST_LINES = 2**32 - 1


def _few(registers: object) -> object:
    """Refuse too many before each of them is found fault with."""
    if isinstance(registers, dict) and len(registers) > _MOST_REGISTERS:
        raise ValueError(f"more than {_MOST_REGISTERS} registers")
    return registers


type Address = (
    Annotated[str, Field(pattern=r"^0[xX][0-9a-fA-F]{1,16}$")]
    | Annotated[int, Field(ge=0, le=_MOST)]
)
"""Hexadecimal behind `0x`, or a number, which may stand in quotes."""
type AddressMode = Annotated[str, Field(pattern=r"^(abs|rel:[0-9]{1,9})$")]
type Registers = Annotated[dict[str, Address], BeforeValidator(_few)]
# One fault of a list is told, and not millions.
type Lines = Annotated[list[str], Field(fail_fast=True)]
type Trust = Literal["none", "scan", "cfiscan", "fp", "cfi", "prewalked", "context"]


class RawFrame(TypedDict, total=False):
    """A frame as a client knows it."""

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
    lineno: Annotated[int, Field(ge=0, le=_MOST_LINES)] | None
    pre_context: Lines | None
    context_line: str | None
    post_context: Lines | None
    source_link: str | None
    in_app: bool | None
    trust: Trust | None
    vars: dict[str, object] | None


class RawStack(TypedDict, total=False):
    """The stack of a thread, innermost frame first."""

    thread_id: Annotated[int, Field(ge=0, le=_MOST)] | None
    thread_name: str | None
    is_requesting: bool | None
    registers: Registers | None
    frames: Annotated[list[RawFrame], Field(max_length=MOST_FRAMES, fail_fast=True)]


class RawModule(TypedDict, total=False):
    """A module of the process; of a `type` that is not known nothing is looked for."""

    type: str | None
    code_id: str | None
    code_file: str | None
    debug_id: str | None
    debug_file: str | None
    debug_checksum: str | None
    image_addr: Address | None
    image_size: Annotated[int, Field(ge=0, le=_MOST)] | None


class Options(TypedDict, total=False):
    """How much is told: the files that were tried, the sources; and in which order."""

    dif_candidates: bool | None
    apply_source_context: bool | None
    frame_order: Literal["callee_first", "caller_first"] | None


class Body(TypedDict, total=False):
    """A request. `sources` may be named in it, and are not asked."""

    platform: str | None
    signal: Annotated[int, Field(ge=0, le=_MOST_LINES)] | None
    stacktraces: Annotated[
        list[RawStack], Field(max_length=_MOST_STACKS, fail_fast=True)
    ]
    modules: Annotated[list[RawModule], Field(max_length=_MOST_MODULES, fail_fast=True)]
    options: Options | None


BODY: TypeAdapter[Body] = TypeAdapter(Body)
