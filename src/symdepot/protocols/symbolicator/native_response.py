"""From what is answered to what a client reads. What is null or usual is left out.

Source: spec/serving 4.5, "Response 200".
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.stacks.sources import SourceContext
from symdepot.domain.stacks.stack_resolver import (
    FrameStatus,
    ModuleStatus,
    ResolvedFrame,
)
from symdepot.domain.symcache.demangler import demangle
from symdepot.domain.symcache.reader import SymbolFrame as Place
from symdepot.protocols.symbolicator import native_request
from symdepot.protocols.symbolicator.schemas import Body, RawFrame, RawModule, RawStack
from symdepot.symbolication.request import (
    Candidate,
    CandidateStatus,
    Line,
    ModuleResult,
    SymbolicationResult,
)

type Json = dict[str, Any]


def render(body: Body, answer: SymbolicationResult) -> Json:
    """Return the whole answer to `body`."""
    modules, stacks = body.get("modules", []), body.get("stacktraces", [])
    shows_candidates = bool((body.get("options") or {}).get("dif_candidates"))
    names = [module.get("code_file") or "" for module in modules]
    signal, order = body.get("signal"), native_request.frame_order(body)
    return {
        "status": "completed",
        **({} if signal is None else {"signal": signal}),
        "stacktraces": [
            {
                **_thread(asked),
                "frames": _frames(
                    frames,
                    native_request.innermost_first(asked, order),
                    names,
                    answer.contexts,
                ),
            }
            for asked, frames in zip(stacks, answer.stacks, strict=True)
        ],
        "modules": [
            _module(asked, found, shows_candidates=shows_candidates)
            for asked, found in zip(modules, answer.modules, strict=True)
        ],
    }


def _thread(asked: RawStack) -> Json:
    told: Json = {
        key: value
        for key in ("thread_id", "thread_name", "is_requesting")
        if (value := asked.get(key)) is not None
    }
    if registers := asked.get("registers"):
        told["registers"] = registers
    return told


def _frames(
    frames: Sequence[ResolvedFrame],
    raw: Sequence[RawFrame],
    packages: Sequence[str],
    contexts: Mapping[Line, SourceContext],
) -> list[Json]:
    return [
        _found(frame, raw[frame.original_index], packages, contexts)
        if frame.status is FrameStatus.SYMBOLICATED
        else _as_it_came(frame, raw[frame.original_index], packages)
        for frame in frames
    ]


def _as_it_came(frame: ResolvedFrame, raw: RawFrame, packages: Sequence[str]) -> Json:
    kept = {key: value for key, value in raw.items() if not _is_usual(key, value)}
    if frame.module is not None and (package := packages[frame.module]):
        kept["package"] = package
    return {
        "status": frame.status,
        "original_index": frame.original_index,
        **kept,
        "instruction_addr": hex(frame.address),
    }


def _is_usual(key: str, value: object) -> bool:
    return value is None or (key, value) in _USUAL


def _found(
    frame: ResolvedFrame,
    raw: RawFrame,
    packages: Sequence[str],
    contexts: Mapping[Line, SourceContext],
) -> Json:
    """Return what is known of a frame; of ten thousand, so it is done in few steps."""
    _, index, address, module, is_relative, place, begins = frame
    if place is None or module is None:
        return _as_it_came(frame, raw, packages)
    function, path, _, language, _ = place
    told: Json = {
        "status": _SYMBOLICATED,
        "original_index": index,
        "instruction_addr": hex(address),
        "symbol": function,
        "function": demangle(function),
    }
    if is_relative:
        told["addr_mode"] = f"rel:{module}"
    if package := packages[module] or raw.get("package"):
        told["package"] = package
    if begins is not None:
        told["sym_addr"] = hex(begins)
    if language != _UNKNOWN:
        told["lang"] = language
    if path:
        _add_line(told, place, contexts.get((module, path, place.line)))
    if len(raw) > 1:
        _keep(told, raw)
    return told


def _keep(told: Json, raw: RawFrame) -> None:
    """Add what a client said of a frame and nobody else knows."""
    for key in _KEPT:
        value = raw.get(key)
        if value is not None and (key, value) not in _USUAL:
            told[key] = value


def _add_line(told: Json, place: Place, context: SourceContext | None) -> None:
    told["filename"] = _file(place.path)
    told["abs_path"] = place.path
    if place.line:
        told["lineno"] = place.line
    if context is None:
        return
    if context.before:
        told["pre_context"] = context.before
    told["context_line"] = context.line
    if context.after:
        told["post_context"] = context.after


@lru_cache(16_384)
def _file(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _module(asked: RawModule, found: ModuleResult, *, shows_candidates: bool) -> Json:
    """Return what became of a module, with what was missing in it filled in."""
    chosen = found.symbols
    told: Json = {
        "debug_status": found.status,
        "features": _features([row for row in (chosen, found.sources) if row]),
        "arch": found.arch or _UNKNOWN,
        **_filled_in(asked, found),
        "image_addr": hex(found.image.address),
    }
    if found.image.size_bytes:
        told["image_size"] = found.image.size_bytes
    if shows_candidates and found.status is not ModuleStatus.UNUSED:
        told["candidates"] = [
            _candidate(one, found) for one in found.candidates
        ] or list(_nothing(found))
    return told


def _filled_in(asked: RawModule, found: ModuleResult) -> Json:
    """Return the ids and names of a module: as they came, or else as they are known."""
    ids, row = found.asked.ids, found.symbols
    known: Json = {
        "type": asked.get("type"),
        "code_id": asked.get("code_id") or ids.code_id or (row and row.code_id),
        "code_file": asked.get("code_file"),
        "debug_id": asked.get("debug_id") or ids.debug_id or (row and row.debug_id),
        "debug_file": asked.get("debug_file") or (row and row.object_name),
        "debug_checksum": asked.get("debug_checksum"),
    }
    return {key: str(value) for key, value in known.items() if value}


def _features(rows: Sequence[DebugFile]) -> dict[str, bool]:
    had = {feature for row in rows for feature in row.features}
    return {name: feature in had for name, feature in _FEATURES.items()}


def _candidate(one: Candidate, found: ModuleResult) -> Json:
    row = one.debug_file
    told: Json = {
        "source": _source(row),
        "location": f"sentry://project_debug_file/{row.pk}",
        "download": {"status": CandidateStatus.OK, "features": _features([row])},
    }
    if one.debug is not None:
        told["debug"] = {
            "status": one.debug,
            **({"details": one.details} if one.details else {}),
        }
    return told


def _source(row: DebugFile) -> str:
    return f"{_FROM_HERE}:{row.project.organization.slug}/{row.project.slug}"


def _nothing(found: ModuleResult) -> Iterator[Json]:
    download: Json = {"status": "notfound"}
    if found.misses:
        download["details"] = " ".join(found.misses)
    yield {"source": _FROM_HERE, "location": _NOWHERE, "download": download}


_SYMBOLICATED = "symbolicated"
_UNKNOWN = "unknown"
_UNTRUSTED = "none"
_USUAL = (("addr_mode", "abs"), ("trust", _UNTRUSTED))
_KEPT = ("adjust_instruction_addr", "function_id", "trust")
_FROM_HERE = "symdepot"
_NOWHERE = "No object files listed on this source"
_FEATURES = {
    "has_debug_info": "debug",
    "has_unwind_info": "unwind",
    "has_symbols": "symtab",
    "has_sources": "sources",
}
