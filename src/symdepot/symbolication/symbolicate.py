"""Answers a question: finds the symbols, has stack traces resolved, adds the sources."""

import time
from collections.abc import Sequence
from itertools import chain

from django.db import close_old_connections

from symdepot.domain.stacks import stack_resolver
from symdepot.domain.stacks.stack_resolver import ModuleStatus, Resolved, Symbols
from symdepot.symbolication import frame_sources, module_finder
from symdepot.symbolication.frame_sources import Contexts
from symdepot.symbolication.module_finder import Found
from symdepot.symbolication.request import Answer, FoundModule, Question, Scope


def symbolicated(
    scope: Scope,
    question: Question,
    *,
    wait_seconds: float = 0.0,
    may_wait: bool = False,
) -> Answer:
    """Answer `question` from what may be looked up in `scope`.

    Waits for so long for symcaches that are being made. If it `may_wait` longer than
    that, it raises rather than to answer with less than there will be.

    Raises:
        NotReady: see `symbols.find`.
    """
    found: dict[int, Found] = {}
    until = time.monotonic() + wait_seconds

    def symbols_of(indexes: Sequence[int]) -> dict[int, Symbols | ModuleStatus]:
        asked = {index: question.modules[index] for index in indexes}
        found.update(module_finder.find(scope, asked, until=until, may_wait=may_wait))
        if question.with_misses:
            module_finder.explain(scope, found.values())
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
        frame_sources.contexts(chain.from_iterable(resolved.stacks), found)
        if question.with_sources
        else frame_sources.NONE
    )
    close_old_connections()  # nor does telling it
    modules = [
        FoundModule(asked, resolved.images[index], resolved.modules[index])
        if index not in found
        else _module(found[index], index, resolved, contexts)
        for index, asked in enumerate(question.modules)
    ]
    return Answer(resolved.stacks, modules, contexts.lines)


def _module(
    one: Found, index: int, resolved: Resolved, contexts: Contexts
) -> FoundModule:
    return FoundModule(
        one.asked,
        resolved.images[index],
        resolved.modules[index],
        arch="" if isinstance(one.symbols, ModuleStatus) else one.symbols.arch,
        symbols=one.chosen,
        sources=contexts.bundles.get(index),
        candidates=tuple(one.candidates),
        misses=tuple(one.misses),
    )
