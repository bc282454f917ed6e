"""Retrace JVM stack traces: real names, inlined calls and source context."""

from collections.abc import Sequence
from dataclasses import replace

from symdepot.domain.ids import DebugId
from symdepot.domain.jvm import stack_text
from symdepot.domain.jvm.stack_text import JavaFrame
from symdepot.domain.objects import Format
from symdepot.domain.stacks.sources import SourceContext
from symdepot.symbolication import mapping_queries
from symdepot.symbolication.frame_sources import BundleReader, SourceLine
from symdepot.symbolication.jvm_request import JvmFrame, JvmRequest, JvmResult
from symdepot.symbolication.mapping_queries import MergedNames
from symdepot.symbolication.request import LookupScope

MAX_FRAMES = 200_000
"""Real frames in one result. Frames beyond it stay as they were sent."""
MAX_LINES = 20_000
"""Lines that get context in one result: 30 MB of text."""


def symbolicate(scope: LookupScope, request: JvmRequest) -> JvmResult:
    """Retrace `request` with the mappings and source bundles in `scope`.

    Names that no mapping knows stay as they were sent. Missing and unreadable mappings
    are reported in the result.

    Raises:
        Unavailable: temporary failure of this server; retry.

    Source: spec/serving 4.5; symbolicator-proguard, `symbolicate_jvm`.
    """
    names = MergedNames()
    names.query_mappings(scope, request)
    traces = _expand_frames(request, names)
    known = names.class_names
    return JvmResult(
        stacktraces=_add_sources(scope, traces, request.bundles),
        exceptions=[names.exception(each) for each in request.exceptions],
        class_names={n: known[n] for n in request.class_names if n in known},
        mapping_errors=names.errors,
    )


def _expand_frames(request: JvmRequest, names: MergedNames) -> list[list[JvmFrame]]:
    """Return the stack traces with real names and inlined frames, next to their caller.

    The frames that one frame expands to share its index and its other fields.
    """
    frames_left = MAX_FRAMES
    traces: list[list[JvmFrame]] = []
    for trace in request.stacktraces:
        frames: list[JvmFrame] = []
        for frame in trace:
            real = names.real_frames(frame)
            expanded = [replace(frame, signature=names.signature(frame))]
            if 0 < len(real) <= frames_left:
                frames_left -= len(real)
                expanded = _expanded(expanded[0], real, request.release_package)
            frames += expanded[::-1] if request.callers_first else expanded
        traces.append(frames)
    return traces


def _add_sources(
    scope: LookupScope, traces: Sequence[Sequence[JvmFrame]], bundles: Sequence[DebugId]
) -> list[list[JvmFrame]]:
    """Return the stack traces with context; the first bundle that has a line wins."""
    lines = dict.fromkeys(_line(frame) for trace in traces for frame in trace)
    requested = [line for line in lines if line[1]][:MAX_LINES]
    contexts: dict[SourceLine, SourceContext] = {}
    reader = BundleReader()
    for debug_id in dict.fromkeys(bundles):
        row = mapping_queries.find_file(scope, Format.SOURCE_BUNDLE, debug_id)
        left = [line for line in requested if line not in contexts]
        contexts |= reader.read(row, left) if row else {}
    return [
        [_with_context(frame, contexts.get(_line(frame))) for frame in trace]
        for trace in traces
    ]


def _expanded(
    frame: JvmFrame, real: Sequence[JavaFrame], release_package: str | None
) -> list[JvmFrame]:
    """Return the frame under its real names, innermost first.

    The file name of an inlined class without one is derived from the class name.
    `in_app` is set on frames of the release package, unless the client set it.
    """
    expanded = []
    for each in real:
        name, file = each.class_name, each.file
        if file is None and name != real[-1].class_name:
            file = stack_text.source_file(name, like=frame.filename or "")
        is_own = release_package and name.startswith(release_package)
        expanded.append(
            replace(
                frame,
                module=name,
                function=each.method,
                lineno=each.line or (None if frame.lineno is None else 0),
                filename=file or frame.filename,
                abs_path=file or frame.abs_path,
                in_app=True if is_own and frame.in_app is None else frame.in_app,
            )
        )
    return expanded


def _with_context(frame: JvmFrame, found: SourceContext | None) -> JvmFrame:
    if found is None:
        return frame
    return replace(
        frame,
        pre_context=found.before,
        context_line=found.line,
        post_context=found.after,
    )


def _line(frame: JvmFrame) -> SourceLine:
    return stack_text.bundle_path(frame.module, frame.abs_path), frame.lineno or 0
