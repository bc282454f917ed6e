"""Symbolicate a request: find modules, resolve stacks, add sources."""

import time
from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

from django.db import close_old_connections

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.stacks import stack_resolver
from symdepot.domain.stacks.memory_map import MemoryMap
from symdepot.domain.stacks.sources import SourceContext
from symdepot.symbolication import frame_sources, module_finder
from symdepot.symbolication.module_finder import FoundModule
from symdepot.symbolication.request import (
    Line,
    LookupScope,
    ModuleResult,
    SymbolicationRequest,
    SymbolicationResult,
)
from symdepot.symcaches.models import SymCache


def symbolicate(
    scope: LookupScope, request: SymbolicationRequest, *, wait_seconds: float = 0.0
) -> SymbolicationResult:
    """Symbolicate `request` with the symcaches that are ready after `wait_seconds`."""
    return _symbolicate(scope, request, _find(scope, request, wait_seconds))


def symbolicate_if_ready(
    scope: LookupScope, request: SymbolicationRequest, *, wait_seconds: float = 0.0
) -> SymbolicationResult | None:
    """As `symbolicate`. None: better symcaches are still being created."""
    found = _find(scope, request, wait_seconds)
    if module_finder.is_pending(found.modules.values(), found.symcaches):
        return None
    return _symbolicate(scope, request, found)


class _Found(NamedTuple):
    """The modules that frames touch, by index, and their symcache rows."""

    memory_map: MemoryMap
    modules: Mapping[int, FoundModule]
    symcaches: Mapping[int, SymCache]


def _find(
    scope: LookupScope, request: SymbolicationRequest, wait_seconds: float
) -> _Found:
    until = time.monotonic() + wait_seconds
    memory_map = MemoryMap([module.image for module in request.modules])
    touched = stack_resolver.touched_modules(request.stacks, memory_map)
    requests = {index: request.modules[index] for index in touched}
    modules = module_finder.find_files(scope, requests)
    symcaches = module_finder.wait_for_symcaches(modules.values(), until=until)
    return _Found(memory_map, modules, symcaches)


def _symbolicate(
    scope: LookupScope, request: SymbolicationRequest, found: _Found
) -> SymbolicationResult:
    memory_map, modules, symcaches = found
    module_finder.open_symbols(scope, modules.values(), symcaches)
    if request.with_near_misses:
        module_finder.add_near_misses(scope, modules.values())
    close_old_connections()  # resolving takes long and needs no database
    resolved = stack_resolver.resolve(
        request.stacks,
        memory_map,
        {index: module.symbols or module.status for index, module in modules.items()},
        signal=request.signal,
        order=request.order,
    )
    contexts: dict[Line, SourceContext] = {}
    bundles: dict[int, DebugFile] = {}
    if request.with_sources:
        frames = chain.from_iterable(resolved.stacks)
        contexts, bundles = frame_sources.add_sources(frames, modules)
    close_old_connections()  # rendering needs no database either
    results = []
    for index, sent in enumerate(request.modules):
        module = modules.get(index) or FoundModule(sent, (), ())
        results.append(
            ModuleResult(
                sent,
                memory_map[index],
                resolved.modules[index],
                arch=module.symbols.arch if module.symbols else "",
                symbols=module.chosen,
                sources=bundles.get(index),
                candidates=tuple(module.candidates),
                near_misses=module.near_misses,
            )
        )
    return SymbolicationResult(resolved.stacks, results, contexts)
