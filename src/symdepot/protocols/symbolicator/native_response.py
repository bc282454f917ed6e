"""Write native responses. Null fields and usual values are left out.

Source: spec/serving 4.5, "Response 200".
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.stacks.sources import SourceContext
from symdepot.domain.stacks.stack_resolver import (
    ModuleStatus,
    ResolvedFrame,
)
from symdepot.domain.symcache.demangler import demangle
from symdepot.domain.symcache.reader import SymbolFrame
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

_UNKNOWN = "unknown"
_USUAL = (("addr_mode", "abs"), ("trust", "none"))
_CLIENT_FIELDS = ("adjust_instruction_addr", "function_id", "trust")
_SOURCE = "symdepot"
_NO_LOCATION = "No object files listed on this source"
_FEATURES = {
    "has_debug_info": "debug",
    "has_unwind_info": "unwind",
    "has_symbols": "symtab",
    "has_sources": "sources",
}


def render(body: Body, result: SymbolicationResult) -> Json:
    """Return the response to `body`."""
    modules, stacks = body.get("modules", []), body.get("stacktraces", [])
    shows_candidates = bool((body.get("options") or {}).get("dif_candidates"))
    names = [module.get("code_file") or "" for module in modules]
    signal, order = body.get("signal"), native_request.frame_order(body)
    raw = [native_request.innermost_first(stack, order) for stack in stacks]
    return {
        "status": "completed",
        **({} if signal is None else {"signal": signal}),
        "stacktraces": [
            {
                **_thread(stack),
                "frames": [
                    _frame(one, sent[one.original_index], names, result.contexts)
                    for one in frames
                ],
            }
            for stack, sent, frames in zip(stacks, raw, result.stacks, strict=True)
        ],
        "modules": [
            _module(sent, found, shows_candidates=shows_candidates)
            for sent, found in zip(modules, result.modules, strict=True)
        ],
    }


def _thread(stack: RawStack) -> Json:
    thread: Json = {
        key: value
        for key in ("thread_id", "thread_name", "is_requesting")
        if (value := stack.get(key)) is not None
    }
    if registers := stack.get("registers"):
        thread["registers"] = registers
    return thread


def _unusual(raw: RawFrame) -> Json:
    """Return the fields that the client sent, without null and usual values."""
    return {
        key: value
        for key, value in raw.items()
        if value is not None and (key, value) not in _USUAL
    }


def _unresolved(frame: ResolvedFrame, raw: RawFrame, packages: Sequence[str]) -> Json:
    sent = _unusual(raw)
    if frame.module is not None and (package := packages[frame.module]):
        sent["package"] = package
    return {
        "status": frame.status,
        "original_index": frame.original_index,
        **sent,
        "instruction_addr": hex(frame.address),
    }


def _frame(
    frame: ResolvedFrame,
    raw: RawFrame,
    packages: Sequence[str],
    contexts: Mapping[Line, SourceContext],
) -> Json:
    """Return a frame. Called ten thousand times, so kept short."""
    status, index, address, module, is_relative, symbol, start = frame
    if symbol is None or module is None:
        return _unresolved(frame, raw, packages)
    function, path, _, language, _ = symbol
    fields: Json = {
        "status": status,
        "original_index": index,
        "instruction_addr": hex(address),
        "symbol": function,
        "function": demangle(function),
    }
    if is_relative:
        fields["addr_mode"] = f"rel:{module}"
    if package := packages[module] or raw.get("package"):
        fields["package"] = package
    if start is not None:
        fields["sym_addr"] = hex(start)
    if language != _UNKNOWN:
        fields["lang"] = language
    if path:
        _add_line(fields, symbol, contexts.get((module, path, symbol.line)))
    if len(raw) > 1:
        sent = _unusual(raw)
        fields |= {key: sent[key] for key in _CLIENT_FIELDS if key in sent}
    return fields


def _add_line(fields: Json, symbol: SymbolFrame, context: SourceContext | None) -> None:
    fields["filename"] = _file_name(symbol.path)
    fields["abs_path"] = symbol.path
    if symbol.line:
        fields["lineno"] = symbol.line
    if context is None:
        return
    if context.before:
        fields["pre_context"] = context.before
    fields["context_line"] = context.line
    if context.after:
        fields["post_context"] = context.after


@lru_cache(16_384)
def _file_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _module(sent: RawModule, found: ModuleResult, *, shows_candidates: bool) -> Json:
    """Return the result for a module, with its missing fields filled in."""
    chosen = found.symbols
    fields: Json = {
        "debug_status": found.status,
        "features": _features([row for row in (chosen, found.sources) if row]),
        "arch": found.arch or _UNKNOWN,
        **_filled_in(sent, found),
        "image_addr": hex(found.image.address),
    }
    if found.image.size_bytes:
        fields["image_size"] = found.image.size_bytes
    if shows_candidates and found.status is not ModuleStatus.UNUSED:
        fields["candidates"] = [_candidate(each) for each in found.candidates] or [
            _not_found(found)
        ]
    return fields


def _filled_in(sent: RawModule, found: ModuleResult) -> Json:
    """Return the ids and names of a module: as sent, else from its debug file."""
    ids, row = found.request.ids, found.symbols
    known: Json = {
        "type": sent.get("type"),
        "code_id": sent.get("code_id") or ids.code_id or (row and row.code_id),
        "code_file": sent.get("code_file"),
        "debug_id": sent.get("debug_id") or ids.debug_id or (row and row.debug_id),
        "debug_file": sent.get("debug_file") or (row and row.object_name),
        "debug_checksum": sent.get("debug_checksum"),
    }
    return {key: str(value) for key, value in known.items() if value}


def _features(rows: Sequence[DebugFile]) -> dict[str, bool]:
    present = {feature for row in rows for feature in row.features}
    return {name: feature in present for name, feature in _FEATURES.items()}


def _candidate(candidate: Candidate) -> Json:
    row = candidate.debug_file
    fields: Json = {
        "source": f"{_SOURCE}:{row.project.organization.slug}/{row.project.slug}",
        "location": f"sentry://project_debug_file/{row.pk}",
        "download": {"status": CandidateStatus.OK, "features": _features([row])},
    }
    if candidate.status is not None:
        details = {"details": candidate.details} if candidate.details else {}
        fields["debug"] = {"status": candidate.status, **details}
    return fields


def _not_found(found: ModuleResult) -> Json:
    download: Json = {"status": "notfound"}
    if found.near_misses:
        download["details"] = " ".join(found.near_misses)
    return {"source": _SOURCE, "location": _NO_LOCATION, "download": download}
