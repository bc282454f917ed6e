"""Looks up what stands at the spots of a text, each in the symbols of its module."""

from collections.abc import Collection, Mapping, Sequence

from symdepot.domain.crash_text.crash_parser import AddressSpan, TextFormat
from symdepot.domain.crash_text.crash_renderer import ResolvedName
from symdepot.domain.stacks import return_addresses
from symdepot.domain.stacks.return_addresses import Adjustment
from symdepot.domain.symcache.demangler import demangle
from symdepot.domain.symcache.reader import OpenSymCache, SymbolFrame
from symdepot.symbolication import text_modules
from symdepot.symbolication.text_modules import ModuleSymbols, TextModule

_MOST_INLINED = 50
"""As many functions inlined into each other are shown; more are no program's."""

_NO_SYMBOL = "{} knows no function at this address."
_NO_FUNCTION = "{} knows no function {!r} that is so long."
_SEVERAL = "{} has several functions {!r}, and the text does not tell which it was."

_COLD = (
    "{!r} is a part of a function that lies elsewhere, "
    "and symcaches do not tell where it begins."
)
_MOST_NAMESAKES = 64
_ADDRESSES = 1 << 64
_COUNT_IT_IN = frozenset(
    {TextFormat.SANITIZER, TextFormat.SUMMARY, TextFormat.GLIBC, TextFormat.ANDROID}
)
"""Who tells an offset from where a file was loaded, not from where it begins."""

type Place = list[ResolvedName] | str
"""The functions at a spot, innermost first; or why there are none."""


def resolve_addresses(
    spots: Sequence[AddressSpan], choices: Mapping[TextModule, ModuleSymbols]
) -> list[Place]:
    """Return what stands at each of `spots`."""
    by_module: dict[TextModule, list[int]] = {}
    for index, spot in enumerate(spots):
        by_module.setdefault(text_modules.module_of(spot), []).append(index)
    told: dict[int, Place] = {}
    for module, indexes in by_module.items():
        choice = choices[module]
        own = {index: spots[index] for index in indexes}
        if choice.symbols is None:
            told.update(dict.fromkeys(own, choice.why_not))
        else:
            told.update(_in_module(own, choice, choice.symbols))
    return [told[index] for index in range(len(spots))]


def _in_module(
    spots: Mapping[int, AddressSpan], choice: ModuleSymbols, symbols: OpenSymCache
) -> dict[int, Place]:
    by_address = {i: spot for i, spot in spots.items() if spot.function is None}
    begins = 0
    if any(spot.text_format in _COUNT_IT_IN for spot in by_address.values()):
        begins = -text_modules.load_address(choice)
    known = _looked_up(by_address.values(), {begins}, symbols)
    told: dict[int, Place] = {
        index: _shown(known[spot, begins], spot.offset + begins)
        or _NO_SYMBOL.format(choice.debug_file)
        for index, spot in by_address.items()
    }
    in_functions = {i: spot for i, spot in spots.items() if spot.function is not None}
    return told | _in_functions(in_functions, choice, symbols)


def _in_functions(
    spots: Mapping[int, AddressSpan], choice: ModuleSymbols, symbols: OpenSymCache
) -> dict[int, Place]:
    """Look up spots that are told by how far into a function they are."""
    why_not = text_modules.relocatable(choice) if spots else None
    if why_not is not None:
        return dict.fromkeys(spots, why_not)
    names = {name for spot in spots.values() for name in _names(spot)}
    begins = symbols.addresses_of(names)
    return {
        index: _in_function(spot, begins, choice, symbols)
        for index, spot in spots.items()
    }


def _in_function(
    spot: AddressSpan,
    begins: Mapping[str, list[int]],
    choice: ModuleSymbols,
    symbols: OpenSymCache,
) -> Place:
    """Return what stands in the one function of the name that reaches so far."""
    if ".cold" in (spot.function or ""):
        return _COLD.format(spot.function)
    for name in _names(spot):
        starts = sorted(set(begins[name]))[:_MOST_NAMESAKES]
        known = _looked_up([spot], starts, symbols)
        fitting = [
            _shown(frames, start + spot.offset)
            for (_, start), frames in known.items()
            if _is_in(frames, name, start)
        ]
        if len(fitting) > 1:
            return _SEVERAL.format(choice.debug_file, spot.function)
        if fitting:
            return fitting[0]
    return _NO_FUNCTION.format(choice.debug_file, spot.function)


def _names(spot: AddressSpan) -> list[str]:
    """Return a name, and that of the source if a compiler has made variants of it."""
    function = spot.function or ""
    return list(dict.fromkeys((function, function.partition(".")[0])))


def _is_in(frames: Sequence[SymbolFrame], name: str, start: int) -> bool:
    return bool(frames) and (
        frames[-1].function == name and frames[-1].function_address == start
    )


def _looked_up(
    spots: Collection[AddressSpan], starts: Collection[int], symbols: OpenSymCache
) -> dict[tuple[AddressSpan, int], list[SymbolFrame]]:
    """Return the frames at the offset of each spot from each of `starts`."""
    addresses = {
        (spot, start): return_addresses.call_address(
            start + spot.offset,
            symbols.arch,
            Adjustment.YES if spot.is_return_address else Adjustment.NO,
        )
        for spot in spots
        for start in starts
    }
    in_order = sorted({at for at in addresses.values() if 0 <= at < _ADDRESSES})
    known = dict(zip(in_order, symbols.frames_at(in_order), strict=True))
    return {key: known.get(address, []) for key, address in addresses.items()}


def _shown(frames: Sequence[SymbolFrame], address: int) -> list[ResolvedName]:
    some = [*frames[: _MOST_INLINED - 1], *frames[_MOST_INLINED - 1 :][-1:]]
    return [_of_frame(frame, address) for frame in some]


def _of_frame(frame: SymbolFrame, address: int) -> ResolvedName:
    begins = frame.function_address
    offset = None if begins is None else address - begins
    return ResolvedName.printable(
        demangle(frame.function), frame.path, frame.line, offset
    )
