"""Source context of frames, read from source bundles."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import contents, usage
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import BlobMissing, Refused, Unavailable
from symdepot.domain.formats.source_bundle import SourceBundle
from symdepot.domain.stacks import sources
from symdepot.domain.stacks.sources import SourceContext
from symdepot.domain.stacks.stack_resolver import ResolvedFrame
from symdepot.symbolication.module_finder import FoundModule
from symdepot.symbolication.request import Line

_MAX_CHARACTERS = 256_000_000
"""Source text read for one request; later lines get no context."""
_log = structlog.get_logger(__name__)

type LineNumbers = dict[str, set[int]]
"""Requested line numbers by source path."""


@dataclass(frozen=True, slots=True)
class SourceContexts:
    """Context by line, and the source bundle used by module index."""

    lines: Mapping[Line, SourceContext]
    bundles: Mapping[int, DebugFile]


NO_SOURCES = SourceContexts({}, {})


@dataclass(slots=True)
class SourceBudget:
    """How much source text may still be read for one request."""

    characters_left: int = _MAX_CHARACTERS


def add_sources(
    frames: Iterable[ResolvedFrame], modules: Mapping[int, FoundModule]
) -> SourceContexts:
    """Return the context of each frame's line that a source bundle of its module has.

    Bundles are tried best first; one that cannot be read is skipped.
    """
    contexts: dict[Line, SourceContext] = {}
    bundles: dict[int, DebugFile] = {}
    used: list[DebugFile] = []
    budget = SourceBudget()
    for module, requested in _requested(frames, modules).items():
        left = requested
        for row in modules[module].bundles:
            if not left:
                break
            found = read_bundle(row, left, budget)
            if found:
                bundles.setdefault(module, row)
                used.append(row)
            contexts |= {(module, *line): context for line, context in found.items()}
            left = _without(left, found)
    usage.mark_all_used(used)
    return SourceContexts(contexts, bundles)


def read_bundle(
    row: DebugFile, numbers: Mapping[str, Iterable[int]], budget: SourceBudget
) -> dict[tuple[str, int], SourceContext]:
    """Return contexts by path and line number. Empty if the bundle cannot be read."""
    content, scratch = contents.file_content(row), Path(settings.SCRATCH_DIR)
    found: dict[tuple[str, int], SourceContext] = {}
    try:
        with contents.open_bundle(content, blob_store(), scratch) as bundle:
            for path, of_path in numbers.items():
                for number, context in _read_lines(bundle, path, of_path, budget):
                    found[path, number] = context
    except (Refused, BlobMissing, Unavailable) as error:
        _log.warning("source_bundle.unreadable", row=row.pk, reason=str(error))
    return found


def _read_lines(
    bundle: SourceBundle, path: str, numbers: Iterable[int], budget: SourceBudget
) -> Iterator[tuple[int, SourceContext]]:
    text = bundle.source(path) if budget.characters_left > 0 else None
    if text is None:
        return
    budget.characters_left -= len(text)
    lines = sources.split_lines(text)
    for number in numbers:
        context = sources.context_of_line(lines, number)
        if context is not None:
            yield number, context


def _requested(
    frames: Iterable[ResolvedFrame], modules: Mapping[int, FoundModule]
) -> dict[int, LineNumbers]:
    """Return the lines of `frames` by module, for modules that have bundles."""
    requested: dict[int, LineNumbers] = {
        index: {} for index, module in modules.items() if module.bundles
    }
    if not requested:
        return {}
    for frame in frames:
        symbol = frame.symbol
        if symbol is None or frame.module not in requested or not symbol.line:
            continue
        requested[frame.module].setdefault(symbol.path, set()).add(symbol.line)
    return requested


def _without(
    requested: LineNumbers, found: Mapping[tuple[str, int], SourceContext]
) -> LineNumbers:
    left = {
        path: {number for number in numbers if (path, number) not in found}
        for path, numbers in requested.items()
    }
    return {path: numbers for path, numbers in left.items() if numbers}
