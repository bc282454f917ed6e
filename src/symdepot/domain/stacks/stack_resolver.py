"""Stack traces of addresses in; functions, files and lines out.

What is known of modules comes from whoever calls: `resolve` asks once for all modules
that frames lie in, and then each of them once for its addresses, in their order.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, Protocol

from symdepot.domain.stacks import return_addresses
from symdepot.domain.stacks.memory_map import MemoryMap, MemoryRange
from symdepot.domain.stacks.return_addresses import Adjustment
from symdepot.domain.symcache.address_lookup import SymbolFrame as Place


class FrameStatus(StrEnum):
    """What became of a frame, in the words of Symbolicator's clients.

    Source: spec/serving 4.5.
    """

    SYMBOLICATED = "symbolicated"
    MISSING_SYMBOL = "missing_symbol"
    UNKNOWN_IMAGE = "unknown_image"
    MISSING = "missing"
    MALFORMED = "malformed"


class ModuleStatus(StrEnum):
    """What became of the debug file of a module. Source: spec/serving 4.5."""

    FOUND = "found"
    UNUSED = "unused"
    MISSING = "missing"
    MALFORMED = "malformed"
    FETCHING_FAILED = "fetching_failed"
    TIMEOUT = "timeout"
    UNSUPPORTED = "unsupported"
    OTHER = "other"


class FrameOrder(StrEnum):
    """Which end of a stack comes first in an answer."""

    CALLEE_FIRST = "callee_first"
    CALLER_FIRST = "caller_first"


# Requests and answers have ten thousands of these; frozen dataclasses take four times
# as long to make.
class FrameRequest(NamedTuple):
    """An address on a stack.

    With `module`, the address is relative to the module of that index; else absolute.
    `adjusted` says whether the address is a return address, if the client knows.
    `is_guess`: it was found by scanning the stack, so it may be no frame at all.
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
    """What was asked for in frame `original_index`, or a function inlined into it.

    `address` is that of the call where it is known, and relative to the module if
    `is_relative`. `place` is None unless `status` is SYMBOLICATED; `function_address`
    is that of the function that was not inlined, and None for those that were.
    """

    status: FrameStatus
    original_index: int
    address: int
    module: int | None
    is_relative: bool
    place: Place | None = None
    function_address: int | None = None


@dataclass(frozen=True, slots=True)
class ResolvedStacks:
    """The frames of each stack, what became of each module, and their sizes filled in."""

    stacks: list[list[ResolvedFrame]]
    modules: list[ModuleStatus]
    images: MemoryMap


class SymbolSource(Protocol):
    """The debug file of one module, open for looking up: such as an `OpenSymCache`."""

    @property
    def arch(self) -> str:
        """The architecture, in symbolic's words."""
        ...

    def frames_at(self, addresses: Sequence[int]) -> Sequence[Sequence[Place]]:
        """Return the functions at each address in the module, innermost first."""
        ...


MOST_FRAMES = 1_000_000
"""An address that is asked for again and again costs little; telling it does not."""

type SymbolsOf = Callable[
    [Sequence[int]],
    Mapping[int, SymbolSource] | Mapping[int, SymbolSource | ModuleStatus],
]
"""Returns the symbols of modules, by their indexes, or what is the matter with them."""


type _Hit = tuple[int, MemoryRange, int]
"""A module, its image, and the address that a frame has in it."""
type _Located = tuple[int, int] | FrameStatus
"""The module that a frame lies in and the address there, or why there is none."""


def resolve(
    stacks: Sequence[StackRequest],
    images: Sequence[MemoryRange],
    symbols_of: SymbolsOf,
    *,
    signal: int | None = None,
    order: FrameOrder = FrameOrder.CALLEE_FIRST,
) -> ResolvedStacks:
    """Return what is known of the frames of `stacks`.

    Source: spec/serving 4.5, and Symbolicator's documented behaviour where that is
    silent: guesses that turn out to be nothing are left out, and so is an unknown
    last frame below `_start`, which has no caller. Of an answer of more than
    `MOST_FRAMES`, what follows is without inlined functions.
    """
    laid_out = MemoryMap(images)
    hits = [[laid_out.find(f.address, f.module) for f in s.frames] for s in stacks]
    modules = sorted({hit[0] for row in hits for hit in row if hit is not None})
    lookup = _Lookup(laid_out, symbols_of(modules), signal)
    located = [
        lookup.located(stack, row) for stack, row in zip(stacks, hits, strict=True)
    ]
    lookup.look_up({w for row in located for w in row if isinstance(w, tuple)})
    resolved = [
        _ordered(_frames(stack, found, row, lookup), order)
        for stack, found, row in zip(stacks, hits, located, strict=True)
    ]
    return ResolvedStacks(resolved, lookup.statuses(len(images)), laid_out)


class _Lookup:
    """What one request has asked for so far, and been told."""

    def __init__(
        self,
        images: MemoryMap,
        symbols: Mapping[int, SymbolSource | ModuleStatus],
        signal: int | None,
    ) -> None:
        self.images = images
        self._symbols = symbols
        self._signal = signal
        self._places: dict[_Located, Sequence[Place]] = {}
        self._told = 0

    def located(
        self, stack: StackRequest, hits: Sequence[_Hit | None]
    ) -> list[_Located]:
        default = return_addresses.default_adjustment(
            frame.adjusted for frame in stack.frames
        )
        said = {s: return_addresses.adjustment(s, default) for s in (None, True, False)}
        registers: Mapping[str, int] | None = stack.registers
        located = []
        for frame, hit in zip(stack.frames, hits, strict=True):
            located.append(self._located(hit, said[frame.adjusted], registers))
            registers = None
        return located

    def _located(
        self,
        hit: _Hit | None,
        how: Adjustment,
        registers: Mapping[str, int] | None,
    ) -> _Located:
        if hit is None:
            return FrameStatus.UNKNOWN_IMAGE
        module, image, relative = hit
        symbols = self._symbols[module]
        if isinstance(symbols, ModuleStatus):
            return _failed(symbols)
        if image.address:  # or nothing is adjusted: see `has_absolute_addresses`
            address, arch = image.address + relative, symbols.arch
            if how is Adjustment.GUESS:
                how = return_addresses.is_return_address(
                    address, arch, self._signal, registers
                )
            relative = return_addresses.call_address(address, arch, how) - image.address
        return (module, relative) if relative >= 0 else FrameStatus.MISSING_SYMBOL

    def look_up(self, wanted: AbstractSet[tuple[int, int]]) -> None:
        for module, same in groupby(sorted(wanted), key=itemgetter(0)):
            symbols = self._symbols[module]
            located = list(same)
            if not isinstance(symbols, ModuleStatus):
                found = symbols.frames_at([address for _, address in located])
                self._places.update(zip(located, found, strict=True))

    def told(self, located: _Located) -> Sequence[Place]:
        places = self._places.get(located, ())
        self._told += len(places)
        return places if self._told <= MOST_FRAMES else places[-1:]

    def statuses(self, count: int) -> list[ModuleStatus]:
        return [_status(self._symbols.get(module)) for module in range(count)]


def _frames(
    stack: StackRequest,
    hits: Sequence[_Hit | None],
    located: Sequence[_Located],
    lookup: _Lookup,
) -> list[ResolvedFrame]:
    frames: list[ResolvedFrame] = []
    for index, where in enumerate(located):
        places = lookup.told(where)
        if places and isinstance(where, tuple):
            image = lookup.images[where[0]]
            frames.extend(_expanded(index, where, image, places))
            continue
        status = FrameStatus.MISSING_SYMBOL if isinstance(where, tuple) else where
        asked, hit = stack.frames[index], hits[index]
        if asked.is_guess and status in _NO_FRAME_AFTER_ALL:
            continue
        is_last = index == len(located) - 1
        if is_last and status is FrameStatus.UNKNOWN_IMAGE and _is_start(frames):
            continue
        module = hit[0] if hit else None
        is_relative = asked.module is not None
        frames.append(ResolvedFrame(status, index, asked.address, module, is_relative))
    return frames


def _expanded(
    index: int, where: tuple[int, int], image: MemoryRange, places: Sequence[Place]
) -> list[ResolvedFrame]:
    """Return the frames at an address: the last is the program's own function."""
    module, relative = where
    base = image.address
    address, is_relative, found = base + relative, not base, FrameStatus.SYMBOLICATED
    frames = [
        ResolvedFrame(found, index, address, module, is_relative, place)
        for place in places[:-1]
    ]
    outermost = places[-1]
    begins = outermost.function_address
    shown = None if begins is None else base + begins
    frames.append(
        ResolvedFrame(found, index, address, module, is_relative, outermost, shown)
    )
    return frames


def _ordered(frames: list[ResolvedFrame], order: FrameOrder) -> list[ResolvedFrame]:
    return frames[::-1] if order is FrameOrder.CALLER_FIRST else frames


def _is_start(frames: Sequence[ResolvedFrame]) -> bool:
    place = frames[-1].place if frames else None
    return place is not None and place.function == "_start"


def _failed(status: ModuleStatus) -> FrameStatus:
    if status is ModuleStatus.MALFORMED:
        return FrameStatus.MALFORMED
    return FrameStatus.MISSING


def _status(symbols: SymbolSource | ModuleStatus | None) -> ModuleStatus:
    match symbols:
        case None:
            return ModuleStatus.UNUSED
        case ModuleStatus():
            return symbols
        case _:
            return ModuleStatus.FOUND


_NO_FRAME_AFTER_ALL = frozenset({FrameStatus.MISSING_SYMBOL, FrameStatus.UNKNOWN_IMAGE})
