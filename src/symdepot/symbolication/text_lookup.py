"""Look up the addresses of a text in the symbols of their modules."""

from collections.abc import Collection, Mapping, Sequence

from symdepot.domain.crash_text.crash_parser import AddressSpan, TextFormat
from symdepot.domain.crash_text.crash_renderer import ResolvedName
from symdepot.domain.stacks import return_addresses
from symdepot.domain.stacks.return_addresses import Adjustment
from symdepot.domain.symcache.demangler import demangle
from symdepot.domain.symcache.reader import OpenSymCache, SymbolFrame
from symdepot.symbolication import text_modules
from symdepot.symbolication.text_modules import ChosenFile, TextModule

_MAX_INLINED = 50
"""Inlined functions shown for one address."""

_NO_SYMBOL = "{} knows no function at this address."
_NO_FUNCTION = "{} knows no function {!r} that is so long."
_SEVERAL = "{} has several functions {!r}, and the text does not tell which it was."
_COLD = (
    "{!r} is a part of a function that lies elsewhere, "
    "and symcaches do not tell where it begins."
)
_MAX_SAME_NAME = 64
_MAX_ADDRESS = (1 << 64) - 1
_FROM_LOAD_ADDRESS = frozenset(
    {TextFormat.SANITIZER, TextFormat.SUMMARY, TextFormat.GLIBC, TextFormat.ANDROID}
)
"""Formats with offsets from the load address, not from the start of the file."""

type Resolution = list[ResolvedName] | str
"""The functions at an address, innermost first; or why there are none."""


def resolve_addresses(
    spans: Sequence[AddressSpan], chosen: Mapping[TextModule, ChosenFile]
) -> list[Resolution]:
    """Return the resolution of each of `spans`."""
    by_module: dict[TextModule, list[int]] = {}
    for index, span in enumerate(spans):
        by_module.setdefault(text_modules.module_of(span), []).append(index)
    resolutions: dict[int, Resolution] = {}
    for module, indexes in by_module.items():
        file = chosen[module]
        own = {index: spans[index] for index in indexes}
        if file.symbols is None:
            resolutions.update(dict.fromkeys(own, file.reason))
        else:
            resolutions.update(_resolve_in_module(own, file, file.symbols))
    return [resolutions[index] for index in range(len(spans))]


def _resolve_in_module(
    spans: Mapping[int, AddressSpan], file: ChosenFile, symbols: OpenSymCache
) -> dict[int, Resolution]:
    by_address = {i: span for i, span in spans.items() if span.function is None}
    base = 0
    if any(span.text_format in _FROM_LOAD_ADDRESS for span in by_address.values()):
        base = -text_modules.load_address(file)
    found = _look_up(by_address.values(), {base}, symbols)
    resolutions: dict[int, Resolution] = {
        index: _resolved_names(found[span, base], span.offset + base)
        or _NO_SYMBOL.format(file.debug_file)
        for index, span in by_address.items()
    }
    in_functions = {i: span for i, span in spans.items() if span.function is not None}
    return resolutions | _resolve_in_functions(in_functions, file, symbols)


def _resolve_in_functions(
    spans: Mapping[int, AddressSpan], file: ChosenFile, symbols: OpenSymCache
) -> dict[int, Resolution]:
    """Look up spans that are offsets in a named function."""
    reason = text_modules.why_not_by_name(file) if spans else None
    if reason is not None:
        return dict.fromkeys(spans, reason)
    names = {name for span in spans.values() for name in _names(span)}
    starts_by_name = symbols.addresses_of(names)
    return {
        index: _resolve_in_function(span, starts_by_name, file, symbols)
        for index, span in spans.items()
    }


def _resolve_in_function(
    span: AddressSpan,
    starts_by_name: Mapping[str, list[int]],
    file: ChosenFile,
    symbols: OpenSymCache,
) -> Resolution:
    """Look up an offset in the only function of this name that is long enough."""
    if ".cold" in (span.function or ""):
        return _COLD.format(span.function)
    for name in _names(span):
        starts = sorted(set(starts_by_name[name]))[:_MAX_SAME_NAME]
        found = _look_up([span], starts, symbols)
        matching = [
            _resolved_names(frames, start + span.offset)
            for (_, start), frames in found.items()
            if _starts_at(frames, name, start)
        ]
        if len(matching) > 1:
            return _SEVERAL.format(file.debug_file, span.function)
        if matching:
            return matching[0]
    return _NO_FUNCTION.format(file.debug_file, span.function)


def _names(span: AddressSpan) -> list[str]:
    """Return the function name, and without a suffix that a compiler added (`.isra.0`)."""
    function = span.function or ""
    return list(dict.fromkeys((function, function.partition(".")[0])))


def _starts_at(frames: Sequence[SymbolFrame], name: str, start: int) -> bool:
    return bool(frames) and (
        frames[-1].function == name and frames[-1].function_address == start
    )


def _look_up(
    spans: Collection[AddressSpan], starts: Collection[int], symbols: OpenSymCache
) -> dict[tuple[AddressSpan, int], list[SymbolFrame]]:
    """Return the frames at the offset of each span from each of `starts`."""
    addresses = {
        (span, start): return_addresses.call_address(
            start + span.offset,
            symbols.arch,
            Adjustment.YES if span.is_return_address else Adjustment.NO,
        )
        for span in spans
        for start in starts
    }
    in_order = sorted({at for at in addresses.values() if 0 <= at <= _MAX_ADDRESS})
    found = dict(zip(in_order, symbols.frames_at(in_order), strict=True))
    return {key: found.get(address, []) for key, address in addresses.items()}


def _resolved_names(frames: Sequence[SymbolFrame], address: int) -> list[ResolvedName]:
    some = [*frames[: _MAX_INLINED - 1], *frames[_MAX_INLINED - 1 :][-1:]]
    return [_resolved_name(frame, address) for frame in some]


def _resolved_name(frame: SymbolFrame, address: int) -> ResolvedName:
    start = frame.function_address
    offset = None if start is None else address - start
    return ResolvedName.printable(
        demangle(frame.function), frame.path, frame.line, offset
    )
