"""The lines around each frame, from the source bundles of the modules."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import bundle_sources as kept
from symdepot.debugfiles import project_files, usage
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import BlobMissing, NotADebugFile, Unavailable
from symdepot.domain.formats.source_bundle import SourceBundle
from symdepot.domain.stacks import sources
from symdepot.domain.stacks.sources import SourceContext
from symdepot.domain.stacks.stack_resolver import ResolvedFrame
from symdepot.symbolication.module_finder import FoundModule
from symdepot.symbolication.request import Line

_MOST_CHARACTERS = 256_000_000
"""How much source is read for one request; what comes after has no context."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SourceContexts:
    """Lines with those around them, and which bundle they are from, by module."""

    lines: Mapping[Line, SourceContext]
    bundles: Mapping[int, DebugFile]


NONE = SourceContexts({}, {})


def add_sources(
    frames: Iterable[ResolvedFrame], found: Mapping[int, FoundModule]
) -> SourceContexts:
    """Return the context of each line that frames are at, where there is a source.

    A bundle that is damaged or gone has none, and the next of its id is asked.
    """
    lines: dict[Line, SourceContext] = {}
    bundles: dict[int, DebugFile] = {}
    used: list[DebugFile] = []
    budget = SourceBudget()
    for module, paths in _wanted(frames, found).items():
        left = paths
        for row in found[module].bundles:
            if not left:
                break
            told = _told_by(row, module, left, budget)
            if told:
                bundles.setdefault(module, row)
                used.append(row)
            lines |= told
            left = _still_wanted(left, module, told)
    usage.mark_all_used(used)
    return SourceContexts(lines, bundles)


@dataclass(slots=True)
class SourceBudget:
    """How much source may still be read for one request."""

    characters_left: int = _MOST_CHARACTERS


def read_lines(
    bundle: SourceBundle, path: str, numbers: Iterable[int], budget: SourceBudget
) -> Iterable[tuple[int, SourceContext]]:
    """Return the lines of these numbers with those around them, if there are any."""
    text = bundle.source(path) if budget.characters_left > 0 else None
    if text is None:
        return
    budget.characters_left -= len(text)
    lines = sources.split_lines(text)
    for number in numbers:
        context = sources.context_of_line(lines, number)
        if context is not None:
            yield number, context


type _Paths = dict[str, set[int]]


def _wanted(
    frames: Iterable[ResolvedFrame], found: Mapping[int, FoundModule]
) -> dict[int, _Paths]:
    """Return the lines that are wanted of each path, in modules that have bundles."""
    wanted: dict[int, _Paths] = {
        module: {} for module, one in found.items() if one.bundles
    }
    if not wanted:
        return {}
    for frame in frames:
        place = frame.symbol
        if place is None or frame.module not in wanted or not place.line:
            continue
        wanted[frame.module].setdefault(place.path, set()).add(place.line)
    return wanted


def _still_wanted(
    paths: _Paths, module: int, told: Mapping[Line, SourceContext]
) -> _Paths:
    left = {
        path: {number for number in numbers if (module, path, number) not in told}
        for path, numbers in paths.items()
    }
    return {path: numbers for path, numbers in left.items() if numbers}


def _told_by(
    row: DebugFile, module: int, paths: _Paths, budget: SourceBudget
) -> dict[Line, SourceContext]:
    content, scratch = project_files.file_content(row), Path(settings.SCRATCH_DIR)
    told: dict[Line, SourceContext] = {}
    with ExitStack() as stack:
        try:
            bundle = stack.enter_context(
                kept.open_kept_bundle(content, blob_store(), scratch)
            )
        except (NotADebugFile, BlobMissing, Unavailable) as error:
            _log.warning("source bundle not read", row=row.pk, why=str(error))
            return told
        for path, numbers in paths.items():
            for number, context in read_lines(bundle, path, numbers, budget):
                told[module, path, number] = context
    return told
