"""Adds the lines of source around each frame, out of source bundles."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import structlog
from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import bundle_sources as kept
from symdepot.debugfiles import project_files
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import BlobMissing, Refused, Unavailable
from symdepot.domain.ids import DebugId
from symdepot.domain.jvm import stack_text
from symdepot.domain.stacks.source_context import SourceContext
from symdepot.symbolication import jvm_files, sources
from symdepot.symbolication.jvm_traces import JvmFrame
from symdepot.symbolication.request import Scope
from symdepot.symbolication.sources import Budget

MOST_LINES = 20_000
"""That get their context in one answer: 30 MB of text."""

type _Line = tuple[str, int]

_log = structlog.get_logger(__name__)


def with_context(
    scope: Scope, traces: Sequence[Sequence[JvmFrame]], bundles: Sequence[DebugId]
) -> list[list[JvmFrame]]:
    """Return the stack traces with context, each line from the first bundle that has it.

    A bundle that is damaged or gone has none.
    """
    lines = dict.fromkeys(_line(frame) for trace in traces for frame in trace)
    wanted = [line for line in lines if line is not None][:MOST_LINES]
    told: dict[_Line, SourceContext] = {}
    budget = Budget()
    for debug_id in dict.fromkeys(bundles):
        row = jvm_files.bundle(scope, debug_id)
        still_open = [line for line in wanted if line not in told]
        if row is not None and still_open:
            told |= _told_by(row, still_open, budget)
    return [[_shown(frame, told) for frame in trace] for trace in traces]


def _told_by(
    row: DebugFile, wanted: Sequence[_Line], budget: Budget
) -> dict[_Line, SourceContext]:
    content, scratch = project_files.content(row), Path(settings.SCRATCH_DIR)
    told: dict[_Line, SourceContext] = {}
    try:
        with kept.opened(content, blob_store(), scratch) as bundle:
            for name, numbers in _by_source(wanted).items():
                for number, context in sources.in_source(bundle, name, numbers, budget):
                    told[name, number] = context
    except (Refused, BlobMissing, Unavailable) as error:
        _log.warning("source bundle not read", row=row.pk, why=str(error))
    return told


def _shown(frame: JvmFrame, told: Mapping[_Line, SourceContext]) -> JvmFrame:
    line = _line(frame)
    found = None if line is None else told.get(line)
    if found is None:
        return frame
    return replace(
        frame,
        pre_context=found.before,
        context_line=found.line,
        post_context=found.after,
    )


def _line(frame: JvmFrame) -> _Line | None:
    if not frame.lineno:
        return None
    return stack_text.bundled_as(frame.module, frame.abs_path), frame.lineno


def _by_source(lines: Sequence[_Line]) -> dict[str, list[int]]:
    by_source: dict[str, list[int]] = {}
    for name, number in lines:
        by_source.setdefault(name, []).append(number)
    return by_source
