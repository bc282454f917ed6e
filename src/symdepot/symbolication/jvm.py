"""Gives stack traces of the JVM their real names, inlined calls and lines of source.

Puts the real frames in the place of those that a client sent.

Adds the lines of source around each frame, out of source bundles.
"""

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
from symdepot.domain.jvm.stack_text import JavaFrame
from symdepot.domain.stacks.sources import SourceContext
from symdepot.symbolication import frame_sources, jvm_mappings
from symdepot.symbolication.frame_sources import SourceBudget
from symdepot.symbolication.jvm_mappings import MergedNames
from symdepot.symbolication.jvm_request import JvmFrame, JvmRequest, JvmResult
from symdepot.symbolication.request import LookupScope

MOST_LINES = 20_000
"""That get their context in one answer: 30 MB of text."""

type _Line = tuple[str, int]

_log = structlog.get_logger(__name__)


def add_sources(
    scope: LookupScope, traces: Sequence[Sequence[JvmFrame]], bundles: Sequence[DebugId]
) -> list[list[JvmFrame]]:
    """Return the stack traces with context, each line from the first bundle that has it.

    A bundle that is damaged or gone has none.
    """
    lines = dict.fromkeys(_line(frame) for trace in traces for frame in trace)
    wanted = [line for line in lines if line is not None][:MOST_LINES]
    told: dict[_Line, SourceContext] = {}
    budget = SourceBudget()
    for debug_id in dict.fromkeys(bundles):
        row = jvm_mappings.find_bundle(scope, debug_id)
        still_open = [line for line in wanted if line not in told]
        if row is not None and still_open:
            told |= _told_by(row, still_open, budget)
    return [[_shown(frame, told) for frame in trace] for trace in traces]


def _told_by(
    row: DebugFile, wanted: Sequence[_Line], budget: SourceBudget
) -> dict[_Line, SourceContext]:
    content, scratch = project_files.file_content(row), Path(settings.SCRATCH_DIR)
    told: dict[_Line, SourceContext] = {}
    try:
        with kept.open_kept_bundle(content, blob_store(), scratch) as bundle:
            for name, numbers in _by_source(wanted).items():
                for number, context in frame_sources.read_lines(
                    bundle, name, numbers, budget
                ):
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
    return stack_text.bundle_path(frame.module, frame.abs_path), frame.lineno


def _by_source(lines: Sequence[_Line]) -> dict[str, list[int]]:
    by_source: dict[str, list[int]] = {}
    for name, number in lines:
        by_source.setdefault(name, []).append(number)
    return by_source


MOST_FRAMES = 200_000
"""Of one answer. What would be more than that stays as it came."""


def expand_frames(asked: JvmRequest, names: MergedNames) -> list[list[JvmFrame]]:
    """Return the stack traces with inlined frames in them, each beside its caller.

    All that a frame is expanded to has its index, and whatever else was said of it.
    """
    room = MOST_FRAMES
    traces: list[list[JvmFrame]] = []
    for trace in asked.stacktraces:
        frames: list[JvmFrame] = []
        for frame in trace:
            real = names.real(frame)
            if not 0 < len(real) <= room:
                real = []
            room -= len(real)
            told = _told(frame, real, asked)
            signature = names.signature(frame)
            frames.extend(replace(each, signature=signature) for each in told)
        traces.append(frames)
    return traces


def _told(
    frame: JvmFrame, real: Sequence[JavaFrame], asked: JvmRequest
) -> list[JvmFrame]:
    if not real:
        return [frame]
    outermost = real[-1].class_name
    told = [
        _renamed(frame, each, is_inlined=each.class_name != outermost) for each in real
    ]
    if asked.release_package:
        told = [_of_release(each, asked.release_package) for each in told]
    return told[::-1] if asked.callers_first else told


def _renamed(frame: JvmFrame, real: JavaFrame, *, is_inlined: bool) -> JvmFrame:
    """Return the frame under its real name.

    In which file an inlined class is the frame does not tell; its own name does.
    """
    file = real.file
    if file is None and is_inlined:
        file = stack_text.source_file(real.class_name, like=frame.filename or "")
    is_asked = frame.lineno is not None
    return replace(
        frame,
        module=real.class_name,
        function=real.method,
        lineno=real.line if real.line or is_asked else None,
        filename=file or frame.filename,
        abs_path=file or frame.abs_path,
    )


def _of_release(frame: JvmFrame, package: str) -> JvmFrame:
    """Mark a frame as one of the program's own, if nothing else was said of it."""
    is_own = frame.in_app is None and frame.module.startswith(package)
    return replace(frame, in_app=True) if is_own else frame


def symbolicate(scope: LookupScope, asked: JvmRequest) -> JvmResult:
    """Answer `asked` from the mappings and source bundles that are in `scope`.

    What no mapping knows stays as it came. That a mapping is not here, or cannot be
    read, is part of the answer.

    Raises:
        Unavailable: something of ours failed; the same may work in a moment.

    Source: spec/serving 4.5; symbolicator-proguard, `symbolicate_jvm`.
    """
    names = MergedNames()
    names.learn(scope, asked)
    traces = expand_frames(asked, names)
    known = names.class_names
    return JvmResult(
        stacktraces=add_sources(scope, traces, asked.bundles),
        exceptions=[names.exception(each) for each in asked.exceptions],
        class_names={name: known[name] for name in asked.class_names if name in known},
        lacking=names.lacking,
    )
