"""Gives stack traces of the JVM their real names, inlined calls and lines of source."""

from symdepot.symbolication import jvm_frames, jvm_sources
from symdepot.symbolication.jvm_names import RealNames
from symdepot.symbolication.jvm_traces import JvmAnswer, JvmTraces
from symdepot.symbolication.request import Scope


def symbolicated(scope: Scope, asked: JvmTraces) -> JvmAnswer:
    """Answer `asked` from the mappings and source bundles that are in `scope`.

    What no mapping knows stays as it came. That a mapping is not here, or cannot be
    read, is part of the answer.

    Raises:
        Unavailable: something of ours failed; the same may work in a moment.

    Source: spec/serving 4.5; symbolicator-proguard, `symbolicate_jvm`.
    """
    names = RealNames()
    names.learn(scope, asked)
    traces = jvm_frames.expanded(asked, names)
    known = names.class_names
    return JvmAnswer(
        stacktraces=jvm_sources.with_context(scope, traces, asked.bundles),
        exceptions=[names.exception(each) for each in asked.exceptions],
        class_names={name: known[name] for name in asked.class_names if name in known},
        lacking=names.lacking,
    )
