"""Looks up what stands at the spots of a text, each in the symbols of its module."""

from collections.abc import Collection, Mapping, Sequence

from symdepot.domain.crash_text.crash_parser import Look, Spot
from symdepot.domain.crash_text.crash_renderer import Shown
from symdepot.domain.stacks import return_addresses
from symdepot.domain.stacks.return_addresses import Adjustment
from symdepot.domain.symcache.address_lookup import Frame
from symdepot.domain.symcache.demangler import demangled
from symdepot.domain.symcache.symcache_file import OpenSymCache
from symdepot.symbolication import text_modules
from symdepot.symbolication.text_modules import Choice, Named

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
_COUNT_IT_IN = frozenset({Look.SANITIZER, Look.SUMMARY, Look.GLIBC, Look.ANDROID})
"""Who tells an offset from where a file was loaded, not from where it begins."""

type Place = list[Shown] | str
"""The functions at a spot, innermost first; or why there are none."""


def places(spots: Sequence[Spot], choices: Mapping[Named, Choice]) -> list[Place]:
    """Return what stands at each of `spots`."""
    by_module: dict[Named, list[int]] = {}
    for index, spot in enumerate(spots):
        by_module.setdefault(text_modules.named(spot), []).append(index)
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
    spots: Mapping[int, Spot], choice: Choice, symbols: OpenSymCache
) -> dict[int, Place]:
    by_address = {i: spot for i, spot in spots.items() if spot.function is None}
    begins = 0
    if any(spot.look in _COUNT_IT_IN for spot in by_address.values()):
        begins = -text_modules.begins_at(choice)
    known = _looked_up(by_address.values(), {begins}, symbols)
    told: dict[int, Place] = {
        index: _shown(known[spot, begins], spot.offset + begins)
        or _NO_SYMBOL.format(choice.debug_file)
        for index, spot in by_address.items()
    }
    in_functions = {i: spot for i, spot in spots.items() if spot.function is not None}
    return told | _in_functions(in_functions, choice, symbols)


def _in_functions(
    spots: Mapping[int, Spot], choice: Choice, symbols: OpenSymCache
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
    spot: Spot, begins: Mapping[str, list[int]], choice: Choice, symbols: OpenSymCache
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


def _names(spot: Spot) -> list[str]:
    """Return a name, and that of the source if a compiler has made variants of it."""
    function = spot.function or ""
    return list(dict.fromkeys((function, function.partition(".")[0])))


def _is_in(frames: Sequence[Frame], name: str, start: int) -> bool:
    return bool(frames) and (
        frames[-1].function == name and frames[-1].function_address == start
    )


def _looked_up(
    spots: Collection[Spot], starts: Collection[int], symbols: OpenSymCache
) -> dict[tuple[Spot, int], list[Frame]]:
    """Return the frames at the offset of each spot from each of `starts`."""
    addresses = {
        (spot, start): return_addresses.looked_up(
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


def _shown(frames: Sequence[Frame], address: int) -> list[Shown]:
    some = [*frames[: _MOST_INLINED - 1], *frames[_MOST_INLINED - 1 :][-1:]]
    return [_of_frame(frame, address) for frame in some]


def _of_frame(frame: Frame, address: int) -> Shown:
    begins = frame.function_address
    offset = None if begins is None else address - begins
    return Shown.cut(demangled(frame.function), frame.path, frame.line, offset)
