"""Read native requests: from the body to a `SymbolicationRequest`."""

from django.http import HttpRequest

from symdepot.domain.errors import InvalidRequest
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.selection.id_matching import ModuleIds
from symdepot.domain.stacks.memory_map import MemoryRange
from symdepot.domain.stacks.stack_resolver import FrameOrder, FrameRequest, StackRequest
from symdepot.domain.symbol_paths import name_normalization
from symdepot.protocols import request_body
from symdepot.protocols.symbolicator.schemas import (
    MAX_FRAMES,
    Address,
    Body,
    RawFrame,
    RawModule,
    RawStack,
)
from symdepot.symbolication.request import ModuleRequest, SymbolicationRequest

_WINDOWS = frozenset({"pe", "pe_dotnet"})
_KNOWN_TYPES = _WINDOWS | {"elf", "macho", "wasm"}

MAX_BODY_BYTES = 55 << 20
"""Source: spec/serving 4.5."""


def read_body(request: HttpRequest) -> bytes:
    """Return the body of `request`.

    Raises:
        BodyTooLarge: it has more than MAX_BODY_BYTES.
        InvalidRequest: it is incomplete, or has too many parts.
    """
    return request_body.read_json(request, limit_bytes=MAX_BODY_BYTES)


def to_request(body: Body) -> SymbolicationRequest:
    """Return the request that `body` describes.

    Raises:
        InvalidRequest: it has too many frames.
    """
    stacks, order = body.get("stacktraces", ()), frame_order(body)
    if sum(len(stack.get("frames", ())) for stack in stacks) > MAX_FRAMES:
        raise InvalidRequest(f"A request may have {MAX_FRAMES} frames.")
    options = body.get("options") or {}
    wants_sources = options.get("apply_source_context")
    return SymbolicationRequest(
        [_stack(stack, order) for stack in stacks],
        [_module(module) for module in body.get("modules", ())],
        signal=body.get("signal"),
        order=order,
        with_sources=True if wants_sources is None else wants_sources,
        with_near_misses=bool(options.get("dif_candidates")),
    )


def frame_order(body: Body) -> FrameOrder:
    """Return the order of frames in `body` and in the response."""
    order = (body.get("options") or {}).get("frame_order")
    return FrameOrder(order or FrameOrder.CALLEE_FIRST)


def innermost_first(stack: RawStack, order: FrameOrder) -> list[RawFrame]:
    """Return the frames of a stack innermost first, as they are indexed.

    Source: symbolicator-native's `SymbolicationActor::symbolicate`.
    """
    frames = stack.get("frames", [])
    return frames[::-1] if order is FrameOrder.CALLER_FIRST else frames


def number(address: Address) -> int:
    """Return an address as a number.

    >>> number("0x10"), number(10)
    (16, 10)
    """
    return address if isinstance(address, int) else int(address, 16)


def _stack(stack: RawStack, order: FrameOrder) -> StackRequest:
    registers = stack.get("registers") or {}
    return StackRequest(
        [_frame(frame) for frame in innermost_first(stack, order)],
        {name: number(value) for name, value in registers.items()},
    )


def _frame(frame: RawFrame) -> FrameRequest:
    mode = frame.get("addr_mode")
    return FrameRequest(
        number(frame.get("instruction_addr", 0)),
        int(mode[4:]) if mode and mode != "abs" else None,
        frame.get("adjust_instruction_addr"),
        frame.get("trust") == "scan",
    )


def _module(module: RawModule) -> ModuleRequest:
    kind = (module.get("type") or "").lower()
    address, size_bytes = module.get("image_addr") or 0, module.get("image_size") or 0
    name = module.get("debug_file") or module.get("code_file") or ""
    ids = ModuleIds(None, None)
    if kind in _KNOWN_TYPES:
        ids = ModuleIds.known(
            DebugId.parse_or_none(module.get("debug_id") or ""),
            _code_id(module.get("code_id") or ""),
            is_elf=kind == "elf",
            is_windows=kind in _WINDOWS,
            program=name_normalization.base_name(module.get("code_file") or ""),
        )
    image = MemoryRange(number(address), size_bytes)
    return ModuleRequest(image, ids, name.replace("\\", "/").rpartition("/")[2])


def _code_id(text: str) -> CodeId | None:
    try:
        return CodeId.parse(text.replace("-", "")) if text else None
    except ValueError:
        return None
