"""Puts the real frames in the place of those that a client sent."""

from collections.abc import Sequence
from dataclasses import replace

from symdepot.domain.jvm import stack_text
from symdepot.domain.jvm.stack_text import JavaFrame
from symdepot.symbolication.jvm_names import RealNames
from symdepot.symbolication.jvm_traces import JvmFrame, JvmTraces

MOST_FRAMES = 200_000
"""Of one answer. What would be more than that stays as it came."""


def expanded(asked: JvmTraces, names: RealNames) -> list[list[JvmFrame]]:
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
    frame: JvmFrame, real: Sequence[JavaFrame], asked: JvmTraces
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
