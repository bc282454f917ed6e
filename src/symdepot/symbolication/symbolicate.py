"""Answers a question: finds the symbols, has stack traces resolved, adds the sources."""

import time
from itertools import chain

from django.db import close_old_connections

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.stacks import stack_resolver
from symdepot.domain.stacks.memory_map import MemoryMap, MemoryRange
from symdepot.domain.stacks.stack_resolver import ModuleStatus
from symdepot.symbolication import frame_sources, module_finder
from symdepot.symbolication.module_finder import FoundModule
from symdepot.symbolication.request import (
    LookupScope,
    ModuleResult,
    SymbolicationRequest,
    SymbolicationResult,
)


def symbolicate(
    scope: LookupScope,
    question: SymbolicationRequest,
    *,
    wait_seconds: float = 0.0,
    may_wait: bool = False,
) -> SymbolicationResult:
    """Answer `question` from what may be looked up in `scope`.

    Waits for so long for symcaches that are being made. If it `may_wait` longer than
    that, it raises rather than to answer with less than there will be.

    Raises:
        NotReady: see `symbols.find`.
    """
    until = time.monotonic() + wait_seconds
    memory_map = MemoryMap([module.image for module in question.modules])
    touched = stack_resolver.touched_modules(question.stacks, memory_map)
    found = module_finder.find_modules(
        scope,
        {index: question.modules[index] for index in touched},
        until=until,
        may_wait=may_wait,
    )
    if question.with_misses:
        module_finder.add_near_misses(scope, found.values())
    close_old_connections()  # lookups take their time, and need none
    resolved = stack_resolver.resolve(
        question.stacks,
        memory_map,
        {index: one.symbols for index, one in found.items()},
        signal=question.signal,
        order=question.order,
    )
    contexts = (
        frame_sources.add_sources(chain.from_iterable(resolved.stacks), found)
        if question.with_sources
        else frame_sources.NONE
    )
    close_old_connections()  # nor does telling it
    modules = [
        ModuleResult(asked, memory_map[index], resolved.modules[index])
        if index not in found
        else _module(
            found[index],
            memory_map[index],
            resolved.modules[index],
            contexts.bundles.get(index),
        )
        for index, asked in enumerate(question.modules)
    ]
    return SymbolicationResult(resolved.stacks, modules, contexts.lines)


def _module(
    one: FoundModule,
    memory_range: MemoryRange,
    status: ModuleStatus,
    bundle: DebugFile | None,
) -> ModuleResult:
    return ModuleResult(
        one.asked,
        memory_range,
        status,
        arch="" if isinstance(one.symbols, ModuleStatus) else one.symbols.arch,
        symbols=one.chosen,
        sources=bundle,
        candidates=tuple(one.candidates),
        misses=tuple(one.misses),
    )
