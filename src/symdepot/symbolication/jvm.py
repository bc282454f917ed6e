"""Retrace JVM stack traces: real names, inlined calls and source context."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from symdepot.domain.ids import DebugId
from symdepot.domain.jvm import stack_text
from symdepot.domain.jvm.stack_text import JavaFrame
from symdepot.domain.stacks.sources import SourceContext
from symdepot.symbolication import frame_sources, jvm_mappings
from symdepot.symbolication.frame_sources import SourceBudget
from symdepot.symbolication.jvm_mappings import MergedNames
from symdepot.symbolication.jvm_request import JvmFrame, JvmRequest, JvmResult
from symdepot.symbolication.request import LookupScope

MAX_FRAMES = 200_000
"""Real frames in one result. Frames beyond it stay as they were sent."""
MAX_LINES = 20_000
"""Lines that get context in one result: 30 MB of text."""

type _Line = tuple[str, int]


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
    traces = expand_frames(request, names)
    known = names.class_names
    return JvmResult(
        stacktraces=add_sources(scope, traces, request.bundles),
        exceptions=[names.exception(each) for each in request.exceptions],
        class_names={n: known[n] for n in request.class_names if n in known},
        mapping_errors=names.errors,
    )


def expand_frames(request: JvmRequest, names: MergedNames) -> list[list[JvmFrame]]:
    """Return the stack traces with real names and inlined frames, next to their caller.

    The frames that one frame expands to share its index and its other fields.
    """
    frames_left = MAX_FRAMES
    traces: list[list[JvmFrame]] = []
    for trace in request.stacktraces:
        frames: list[JvmFrame] = []
        for frame in trace:
            real = names.real_frames(frame)
            if not 0 < len(real) <= frames_left:
                real = []
            frames_left -= len(real)
            signature = names.signature(frame)
            expanded = _expanded(frame, real, request)
            frames.extend(replace(each, signature=signature) for each in expanded)
        traces.append(frames)
    return traces


def add_sources(
    scope: LookupScope, traces: Sequence[Sequence[JvmFrame]], bundles: Sequence[DebugId]
) -> list[list[JvmFrame]]:
    """Return the stack traces with context; the first bundle that has a line wins."""
    lines = dict.fromkeys(_line(frame) for trace in traces for frame in trace)
    requested = [line for line in lines if line is not None][:MAX_LINES]
    contexts: dict[_Line, SourceContext] = {}
    budget = SourceBudget()
    for debug_id in dict.fromkeys(bundles):
        row = jvm_mappings.find_bundle(scope, debug_id)
        left = [line for line in requested if line not in contexts]
        if row is not None and left:
            contexts |= frame_sources.read_bundle(row, _by_path(left), budget)
    return [[_with_context(frame, contexts) for frame in trace] for trace in traces]


def _expanded(
    frame: JvmFrame, real: Sequence[JavaFrame], request: JvmRequest
) -> list[JvmFrame]:
    if not real:
        return [frame]
    outermost = real[-1].class_name
    expanded = [
        _renamed(frame, each, is_inlined=each.class_name != outermost) for each in real
    ]
    if request.release_package:
        expanded = [_marked(each, request.release_package) for each in expanded]
    return expanded[::-1] if request.callers_first else expanded


def _renamed(frame: JvmFrame, real: JavaFrame, *, is_inlined: bool) -> JvmFrame:
    """Return the frame under its real name.

    The file name of an inlined class without one is derived from the class name.
    """
    file = real.file
    if file is None and is_inlined:
        file = stack_text.source_file(real.class_name, like=frame.filename or "")
    has_line = frame.lineno is not None
    return replace(
        frame,
        module=real.class_name,
        function=real.method,
        lineno=real.line if real.line or has_line else None,
        filename=file or frame.filename,
        abs_path=file or frame.abs_path,
    )


def _marked(frame: JvmFrame, package: str) -> JvmFrame:
    """Set `in_app` on frames of the release package, unless the client set it."""
    is_own = frame.in_app is None and frame.module.startswith(package)
    return replace(frame, in_app=True) if is_own else frame


def _with_context(frame: JvmFrame, contexts: Mapping[_Line, SourceContext]) -> JvmFrame:
    line = _line(frame)
    found = None if line is None else contexts.get(line)
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


def _by_path(lines: Sequence[_Line]) -> dict[str, list[int]]:
    by_path: dict[str, list[int]] = {}
    for path, number in lines:
        by_path.setdefault(path, []).append(number)
    return by_path
