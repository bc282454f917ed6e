"""Answers a question: finds the symbols, has stack traces resolved, adds the sources."""

import time
from collections.abc import Sequence
from itertools import chain

from django.db import close_old_connections

from symdepot.domain.stacks import stack_resolver
from symdepot.domain.stacks.stack_resolver import (
    ModuleStatus,
    ResolvedStacks,
    SymbolSource,
)
from symdepot.symbolication import frame_sources, module_finder
from symdepot.symbolication.frame_sources import SourceContexts
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
    found: dict[int, FoundModule] = {}
    until = time.monotonic() + wait_seconds

    def symbols_of(indexes: Sequence[int]) -> dict[int, SymbolSource | ModuleStatus]:
        asked = {index: question.modules[index] for index in indexes}
        found.update(
            module_finder.find_modules(scope, asked, until=until, may_wait=may_wait)
        )
        if question.with_misses:
            module_finder.add_near_misses(scope, found.values())
        close_old_connections()  # lookups take their time, and need none
        return {index: one.symbols for index, one in found.items()}

    resolved = stack_resolver.resolve(
        question.stacks,
        [module.image for module in question.modules],
        symbols_of,
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
        ModuleResult(asked, resolved.images[index], resolved.modules[index])
        if index not in found
        else _module(found[index], index, resolved, contexts)
        for index, asked in enumerate(question.modules)
    ]
    return SymbolicationResult(resolved.stacks, modules, contexts.lines)


def _module(
    one: FoundModule, index: int, resolved: ResolvedStacks, contexts: SourceContexts
) -> ModuleResult:
    return ModuleResult(
        one.asked,
        resolved.images[index],
        resolved.modules[index],
        arch="" if isinstance(one.symbols, ModuleStatus) else one.symbols.arch,
        symbols=one.chosen,
        sources=contexts.bundles.get(index),
        candidates=tuple(one.candidates),
        misses=tuple(one.misses),
    )
