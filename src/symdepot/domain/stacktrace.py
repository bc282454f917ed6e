"""Stack traces of addresses in; functions, files and lines out.

What is known of a module comes from whoever calls: `resolve` asks once for each module
that a frame lies in, and once for each address in it, in the order of addresses.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from symdepot.domain import callsites
from symdepot.domain.callsites import Adjustment
from symdepot.domain.images import Image, Images
from symdepot.domain.symcache import Frame as Place


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


@dataclass(frozen=True, slots=True)
class AskedFrame:
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
class AskedStack:
    """The frames of one thread, innermost first, and its registers by name."""

    frames: Sequence[AskedFrame]
    registers: Mapping[str, int] = field(default_factory=dict)


# Answers have ten thousands of these; frozen dataclasses take four times as long to make.
class Frame(NamedTuple):
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
class Resolved:
    """The frames of each stack, what became of each module, and their sizes filled in."""

    stacks: list[list[Frame]]
    modules: list[ModuleStatus]
    images: Images


class Symbols(Protocol):
    """The debug file of one module, open for looking up: such as an `OpenSymCache`."""

    @property
    def arch(self) -> str:
        """The architecture, in symbolic's words."""
        ...

    def frames(self, address: int) -> Sequence[Place]:
        """Return the functions at an address in the module, innermost first."""
        ...


type SymbolsOf = Callable[[int], Symbols | ModuleStatus]
"""Returns the symbols of the module of an index, or what is the matter with them."""


type _Located = tuple[int, int] | FrameStatus
"""The module that a frame lies in and the address there, or why there is none."""


def resolve(
    stacks: Sequence[AskedStack],
    images: Sequence[Image],
    symbols_of: SymbolsOf,
    *,
    signal: int | None = None,
    order: FrameOrder = FrameOrder.CALLEE_FIRST,
) -> Resolved:
    """Return what is known of the frames of `stacks`.

    Source: spec/serving 4.5, and Symbolicator's documented behaviour where that is
    silent: guesses that turn out to be nothing are left out, and so is an unknown
    last frame below `_start`, which has no caller.
    """
    laid_out = Images(images)
    lookup = _Lookup(laid_out, symbols_of, signal)
    located = [lookup.located(stack) for stack in stacks]
    lookup.look_up(where for row in located for where in row)
    resolved = [
        _ordered(_frames(stack, row, lookup), order)
        for stack, row in zip(stacks, located, strict=True)
    ]
    return Resolved(resolved, lookup.statuses(len(images)), laid_out)


class _Lookup:
    """What one request has asked for so far, and been told."""

    def __init__(
        self, images: Images, symbols_of: SymbolsOf, signal: int | None
    ) -> None:
        self.images = images
        self._symbols_of = symbols_of
        self._signal = signal
        self._symbols: dict[int, Symbols | ModuleStatus] = {}
        self._places: dict[_Located, Sequence[Place]] = {}

    def located(self, stack: AskedStack) -> list[_Located]:
        default = callsites.default_for(frame.adjusted for frame in stack.frames)
        return [
            self._located(frame, default, stack.registers if index == 0 else None)
            for index, frame in enumerate(stack.frames)
        ]

    def _located(
        self,
        frame: AskedFrame,
        default: Adjustment,
        registers: Mapping[str, int] | None,
    ) -> _Located:
        found = self.images.find(frame.address, frame.module)
        if found is None:
            return FrameStatus.UNKNOWN_IMAGE
        module, image, relative = found
        symbols = self._symbols_in(module)
        if isinstance(symbols, ModuleStatus):
            return _failed(symbols)
        if image.has_absolute_addresses:
            how = callsites.adjustment(frame.adjusted, default)
            address, arch = image.address + relative, symbols.arch
            if how is Adjustment.GUESS:
                how = callsites.guess(address, arch, self._signal, registers)
            relative = callsites.looked_up(address, arch, how) - image.address
        return (module, relative) if relative >= 0 else FrameStatus.MISSING_SYMBOL

    def _symbols_in(self, module: int) -> Symbols | ModuleStatus:
        known = self._symbols.get(module)
        if known is None:
            known = self._symbols[module] = self._symbols_of(module)
        return known

    def look_up(self, wanted: Iterable[_Located]) -> None:
        for module, address in sorted({w for w in wanted if isinstance(w, tuple)}):
            symbols = self._symbols[module]
            if not isinstance(symbols, ModuleStatus):
                self._places[module, address] = symbols.frames(address)

    def places(self, located: _Located) -> Sequence[Place]:
        return self._places.get(located, ())

    def statuses(self, count: int) -> list[ModuleStatus]:
        return [_status(self._symbols.get(module)) for module in range(count)]


def _frames(
    stack: AskedStack, located: Sequence[_Located], lookup: _Lookup
) -> list[Frame]:
    frames: list[Frame] = []
    for index, where in enumerate(located):
        places = lookup.places(where)
        if places and isinstance(where, tuple):
            image = lookup.images[where[0]]
            frames.extend(_expanded(index, where, image, places))
            continue
        asked = stack.frames[index]
        status = FrameStatus.MISSING_SYMBOL if isinstance(where, tuple) else where
        if asked.is_guess and status in _NO_FRAME_AFTER_ALL:
            continue
        is_last = index == len(located) - 1
        if is_last and status is FrameStatus.UNKNOWN_IMAGE and _is_start(frames):
            continue
        found = lookup.images.find(asked.address, asked.module)
        module = found[0] if found else None
        is_relative = asked.module is not None
        frames.append(Frame(status, index, asked.address, module, is_relative))
    return frames


def _expanded(
    index: int, where: tuple[int, int], image: Image, places: Sequence[Place]
) -> list[Frame]:
    module, relative = where
    address = image.address + relative
    is_relative = not image.has_absolute_addresses
    found = FrameStatus.SYMBOLICATED
    outermost = places[-1]
    begins = outermost.function_address
    shown = None if begins is None else image.address + begins
    frames = [
        Frame(found, index, address, module, is_relative, place)
        for place in places[:-1]
    ]
    frames.append(Frame(found, index, address, module, is_relative, outermost, shown))
    return frames


def _ordered(frames: list[Frame], order: FrameOrder) -> list[Frame]:
    return frames[::-1] if order is FrameOrder.CALLER_FIRST else frames


def _is_start(frames: Sequence[Frame]) -> bool:
    place = frames[-1].place if frames else None
    return place is not None and place.function == "_start"


def _failed(status: ModuleStatus) -> FrameStatus:
    if status is ModuleStatus.MALFORMED:
        return FrameStatus.MALFORMED
    return FrameStatus.MISSING


def _status(symbols: Symbols | ModuleStatus | None) -> ModuleStatus:
    match symbols:
        case None:
            return ModuleStatus.UNUSED
        case ModuleStatus():
            return symbols
        case _:
            return ModuleStatus.FOUND


_NO_FRAME_AFTER_ALL = frozenset({FrameStatus.MISSING_SYMBOL, FrameStatus.UNKNOWN_IMAGE})
