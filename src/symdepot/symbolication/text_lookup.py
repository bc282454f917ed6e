"""Look up the addresses of a text in the symbols of their modules."""

from collections.abc import Collection, Mapping, Sequence

from symdepot.domain.crash_text.address_spans import AddressSpan, TextFormat
from symdepot.domain.crash_text.crash_renderer import ResolvedName
from symdepot.domain.stacks import return_addresses
from symdepot.domain.stacks.return_addresses import Adjustment
from symdepot.domain.symcache.demangler import demangle
from symdepot.domain.symcache.reader import OpenSymCache, SymbolFrame
from symdepot.symbolication import text_modules
from symdepot.symbolication.text_modules import Choice, ChosenFile, TextModule

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
    spans: Sequence[AddressSpan], choices: Mapping[TextModule, Choice]
) -> list[Resolution]:
    """Return the resolution of each of `spans`."""
    by_module: dict[TextModule, dict[int, AddressSpan]] = {}
    for index, span in enumerate(spans):
        by_module.setdefault(text_modules.module_of(span), {})[index] = span
    resolutions: dict[int, Resolution] = {}
    for module, own in by_module.items():
        file = choices[module]
        if isinstance(file, str):
            resolutions.update(dict.fromkeys(own, file))
        else:
            resolutions.update(_resolve_in_module(own, file))
    return [resolutions[index] for index in range(len(spans))]


def _resolve_in_module(
    spans: Mapping[int, AddressSpan], file: ChosenFile
) -> dict[int, Resolution]:
    by_address = {i: span for i, span in spans.items() if span.function is None}
    base = 0
    if any(span.text_format in _FROM_LOAD_ADDRESS for span in by_address.values()):
        base = -text_modules.load_address(file.debug_file)
    found = _look_up(by_address.values(), {base}, file.symbols)
    resolutions: dict[int, Resolution] = {
        index: _resolved_names(found[span, base], span.offset + base)
        or _NO_SYMBOL.format(file.debug_file)
        for index, span in by_address.items()
    }
    in_functions = {i: span for i, span in spans.items() if i not in by_address}
    return resolutions | _resolve_in_functions(in_functions, file)


def _resolve_in_functions(
    spans: Mapping[int, AddressSpan], file: ChosenFile
) -> dict[int, Resolution]:
    """Look up spans that are offsets in a named function."""
    names = {name for span in spans.values() for name in _names(span)}
    starts = file.symbols.addresses_of(names)
    return {i: _resolve_in_function(span, starts, file) for i, span in spans.items()}


def _resolve_in_function(
    span: AddressSpan, starts_by_name: Mapping[str, list[int]], file: ChosenFile
) -> Resolution:
    """Look up an offset in the only function of this name that is long enough."""
    if ".cold" in (span.function or ""):
        return _COLD.format(span.function)
    for name in _names(span):
        starts = sorted(set(starts_by_name[name]))[:_MAX_SAME_NAME]
        matching = [
            _resolved_names(frames, start + span.offset)
            for (_, start), frames in _look_up([span], starts, file.symbols).items()
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
    last = frames[-1] if frames else None
    return last is not None and (last.function, last.function_address) == (name, start)


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
    return [
        ResolvedName.printable(
            demangle(function),
            path,
            line,
            None if start is None else address - start,
        )
        for function, path, line, _, start in some
    ]
