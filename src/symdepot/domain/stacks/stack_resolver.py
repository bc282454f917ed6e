"""Resolve stacks of addresses to functions, files and lines.

Two steps, so that the caller can open symbols in between: `touched_modules` returns the
modules whose symbols are needed; `resolve` looks the addresses up, with one `frames_at`
per module, addresses sorted and without repeats.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, Protocol

from symdepot.domain.stacks import return_addresses
from symdepot.domain.stacks.memory_map import MemoryMap
from symdepot.domain.stacks.return_addresses import Adjustment
from symdepot.domain.symcache.reader import SymbolFrame

MAX_FRAMES = 1_000_000
"""Frames of one result. Beyond it, frames are resolved without inlined functions.

Repeated addresses are looked up once and therefore cheap, but each adds to the result.
"""


class FrameStatus(StrEnum):
    """The result for a frame, in Symbolicator's terms. Source: spec/serving 4.5."""

    SYMBOLICATED = "symbolicated"
    MISSING_SYMBOL = "missing_symbol"
    UNKNOWN_IMAGE = "unknown_image"
    MISSING = "missing"
    MALFORMED = "malformed"


class ModuleStatus(StrEnum):
    """The result for a module's debug file. Source: spec/serving 4.5."""

    FOUND = "found"
    UNUSED = "unused"
    MISSING = "missing"
    MALFORMED = "malformed"
    FETCHING_FAILED = "fetching_failed"
    TIMEOUT = "timeout"
    UNSUPPORTED = "unsupported"
    OTHER = "other"


class FrameOrder(StrEnum):
    """Which end of a resolved stack comes first."""

    CALLEE_FIRST = "callee_first"
    CALLER_FIRST = "caller_first"


# Requests and results have tens of thousands of these; frozen dataclasses take four
# times as long to create.
class FrameRequest(NamedTuple):
    """An address on a stack.

    With `module`, the address is relative to the module of that index; else absolute.
    `adjusted`: whether it is a return address; None if the client does not state it.
    `is_guess`: it was found by scanning the stack, and may be no frame.
    """

    address: int
    module: int | None = None
    adjusted: bool | None = None
    is_guess: bool = False


@dataclass(frozen=True, slots=True)
class StackRequest:
    """The frames of one thread, innermost first, and its registers by name."""

    frames: Sequence[FrameRequest]
    registers: Mapping[str, int] = field(default_factory=dict)


class ResolvedFrame(NamedTuple):
    """The result for frame `original_index`, or a function inlined into it.

    `address` is that of the call if known, and relative to the module if
    `is_relative`. `symbol` is None unless `status` is SYMBOLICATED. `function_address`
    is None for inlined functions.
    """

    status: FrameStatus
    original_index: int
    address: int
    module: int | None
    is_relative: bool
    symbol: SymbolFrame | None = None
    function_address: int | None = None


@dataclass(frozen=True, slots=True)
class ResolvedStacks:
    """The frames of each stack, and the status of each module."""

    stacks: list[list[ResolvedFrame]]
    modules: list[ModuleStatus]


class SymbolSource(Protocol):
    """The open symbols of one module, such as an `OpenSymCache`."""

    @property
    def arch(self) -> str:
        """The architecture, in symbolic's terms."""
        ...

    def frames_at(self, addresses: Sequence[int]) -> Sequence[Sequence[SymbolFrame]]:
        """Return the functions at each address in the module, innermost first."""
        ...


type ModuleSymbols = SymbolSource | ModuleStatus
"""The symbols of a module, or why there are none."""

type _Target = tuple[int, int] | FrameStatus
"""A module and the address to look up in it, or why there is none."""


def touched_modules(stacks: Sequence[StackRequest], memory_map: MemoryMap) -> list[int]:
    """Return the indexes of the modules that contain frames, in ascending order."""
    addresses = {(f.address, f.module) for stack in stacks for f in stack.frames}
    locations = (memory_map.find(*address) for address in addresses)
    return sorted({location[0] for location in locations if location is not None})


def resolve(
    stacks: Sequence[StackRequest],
    memory_map: MemoryMap,
    symbols: Mapping[int, ModuleSymbols],
    *,
    signal: int | None = None,
    order: FrameOrder = FrameOrder.CALLEE_FIRST,
) -> ResolvedStacks:
    """Resolve the frames of `stacks`; `symbols` has an entry per touched module.

    Guesses that resolve to nothing are left out, and so is an unknown last frame below
    `_start`, which has no caller.

    Source: spec/serving 4.5, and Symbolicator's documented behaviour where that is
    silent.
    """
    resolver = _Resolver(memory_map, symbols, signal)
    targets = [resolver.locate(stack) for stack in stacks]
    resolver.look_up({t for row in targets for t in row if isinstance(t, tuple)})
    step = -1 if order is FrameOrder.CALLER_FIRST else 1
    resolved = [
        resolver.frames(stack, row)[::step]
        for stack, row in zip(stacks, targets, strict=True)
    ]
    known = [symbols.get(m, ModuleStatus.UNUSED) for m in range(len(memory_map))]
    statuses = [s if isinstance(s, ModuleStatus) else ModuleStatus.FOUND for s in known]
    return ResolvedStacks(resolved, statuses)


class _Resolver:
    """The state of one `resolve`: results by target, and how many frames so far."""

    def __init__(
        self,
        memory_map: MemoryMap,
        symbols: Mapping[int, ModuleSymbols],
        signal: int | None,
    ) -> None:
        self._memory_map = memory_map
        self._symbols = symbols
        self._signal = signal
        self._found: dict[_Target, Sequence[SymbolFrame]] = {}
        self._frame_count = 0

    def locate(self, stack: StackRequest) -> list[_Target]:
        """Return the target of each frame."""
        default = return_addresses.default_adjustment(f.adjusted for f in stack.frames)
        adjustments = {
            stated: return_addresses.adjustment(stated, default)
            for stated in (None, True, False)
        }
        registers: Mapping[str, int] | None = stack.registers
        targets = []
        for frame in stack.frames:
            how = adjustments[frame.adjusted]
            targets.append(self._locate(frame, how, registers))
            registers = None
        return targets

    def _locate(
        self,
        frame: FrameRequest,
        how: Adjustment,
        registers: Mapping[str, int] | None,
    ) -> _Target:
        location = self._memory_map.find(frame.address, frame.module)
        if location is None:
            return FrameStatus.UNKNOWN_IMAGE
        module, memory_range, relative = location
        symbols = self._symbols[module]
        if isinstance(symbols, ModuleStatus):
            is_malformed = symbols is ModuleStatus.MALFORMED
            return FrameStatus.MALFORMED if is_malformed else FrameStatus.MISSING
        # WebAssembly modules are all at 0; their addresses need no adjustment.
        if base := memory_range.address:
            address, arch = base + relative, symbols.arch
            if how is Adjustment.GUESS:
                how = return_addresses.guess_adjustment(
                    address, arch, self._signal, registers
                )
            relative = return_addresses.call_address(address, arch, how) - base
        return (module, relative) if relative >= 0 else FrameStatus.MISSING_SYMBOL

    def look_up(self, targets: AbstractSet[tuple[int, int]]) -> None:
        """Look all addresses up, module by module, in ascending order."""
        for module, group in groupby(sorted(targets), key=itemgetter(0)):
            symbols, of_module = self._symbols[module], list(group)
            if not isinstance(symbols, ModuleStatus):
                found = symbols.frames_at([address for _, address in of_module])
                self._found.update(zip(of_module, found, strict=True))

    def frames(
        self, stack: StackRequest, targets: Sequence[_Target]
    ) -> list[ResolvedFrame]:
        """Return the resolved frames of one stack, callee first."""
        frames: list[ResolvedFrame] = []
        for index, target in enumerate(targets):
            found = self._limited(target)
            if found and isinstance(target, tuple):
                base = self._memory_map[target[0]].address
                frames.extend(_expanded(index, target, base, found))
                continue
            status = target if isinstance(target, FrameStatus) else _NO_SYMBOL
            address, module, _, is_guess = stack.frames[index]
            is_left_out = is_guess and status in _DROPPED_GUESSES
            if status is FrameStatus.UNKNOWN_IMAGE and index == len(targets) - 1:
                is_left_out |= _is_start(frames)
            if not is_left_out:
                location = self._memory_map.find(address, module)
                at = None if location is None else location[0]
                is_relative = module is not None
                frames.append(ResolvedFrame(status, index, address, at, is_relative))
        return frames

    def _limited(self, target: _Target) -> Sequence[SymbolFrame]:
        found = self._found.get(target, ())
        self._frame_count += len(found)
        return found if self._frame_count <= MAX_FRAMES else found[-1:]


def _expanded(
    index: int, target: tuple[int, int], base: int, found: Sequence[SymbolFrame]
) -> list[ResolvedFrame]:
    """Return the frames at a target; the last is the function that is not inlined."""
    module, relative = target
    fields = FrameStatus.SYMBOLICATED, index, base + relative, module, not base
    frames = [ResolvedFrame(*fields, symbol) for symbol in found[:-1]]
    start = found[-1].function_address
    start = None if start is None else base + start
    return [*frames, ResolvedFrame(*fields, found[-1], start)]


def _is_start(frames: Sequence[ResolvedFrame]) -> bool:
    symbol = frames[-1].symbol if frames else None
    return symbol is not None and symbol.function == "_start"


_NO_SYMBOL = FrameStatus.MISSING_SYMBOL
_DROPPED_GUESSES = frozenset({FrameStatus.MISSING_SYMBOL, FrameStatus.UNKNOWN_IMAGE})
