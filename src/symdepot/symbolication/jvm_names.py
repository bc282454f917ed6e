"""Asks several mappings, one after the other, for real names."""

from dataclasses import dataclass, field

import structlog

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import (
    BlobDamaged,
    BlobMissing,
    ChecksumMismatch,
    NotADebugFile,
    ParserDied,
)
from symdepot.domain.ids import DebugId
from symdepot.domain.jvm.mapping_query import Answers, AskedFrame, Questions
from symdepot.domain.jvm.stack_text import JavaFrame
from symdepot.symbolication import jvm_files, retracing
from symdepot.symbolication.jvm_traces import JvmException, JvmFrame, JvmTraces, Lack
from symdepot.symbolication.request import Scope

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class RealNames:
    """The names that the first mapping told that knows something; and which told none."""

    frames: dict[AskedFrame, list[JavaFrame]] = field(default_factory=dict)
    class_names: dict[str, str] = field(default_factory=dict)
    signatures: dict[str, str] = field(default_factory=dict)
    lacking: dict[DebugId, Lack] = field(default_factory=dict)

    def learn(self, scope: Scope, asked: JvmTraces) -> None:
        """Ask each mapping what those before it did not know.

        Raises:
            Unavailable: something of ours failed; the same may work in a moment.
        """
        questions = _questions(asked)
        for debug_id in dict.fromkeys(asked.mappings):
            row = jvm_files.mapping(scope, debug_id)
            lack = Lack.MISSING if row is None else self._ask(row, questions)
            if lack is not None:
                self.lacking[debug_id] = lack

    def real(self, frame: JvmFrame) -> list[JavaFrame]:
        """Return the real frames of a frame, those inlined into it first; or none."""
        return self.frames.get(_asked(frame), [])

    def signature(self, frame: JvmFrame) -> str | None:
        """Return the signature of a frame's method as people read it, if it is known."""
        said = frame.signature
        return None if said is None else self.signatures.get(said, said)

    def exception(self, exception: JvmException) -> JvmException:
        """Return an exception under its real name, if that is known."""
        name = self.class_names.get(exception.class_name)
        return exception if name is None else JvmException.named(name)

    def _ask(self, row: DebugFile, asked: Questions) -> Lack | None:
        still_open = Questions(
            tuple(frame for frame in asked.frames if frame not in self.frames),
            tuple(name for name in asked.class_names if name not in self.class_names),
        )
        if not (still_open.frames or still_open.class_names):
            return None
        try:
            found = retracing.answers(row, still_open)
        except (NotADebugFile, ParserDied) as error:
            _log.warning("useless mapping", mapping=str(row), why=str(error))
            return Lack.INVALID
        except (BlobMissing, BlobDamaged, ChecksumMismatch) as error:
            _log.error("lost mapping", mapping=str(row), why=str(error))
            return Lack.MISSING
        self._add(found)
        return None

    def _add(self, found: Answers) -> None:
        self.frames.update(found.frames)
        self.class_names.update(found.class_names)
        for signature, spoken in found.signatures.items():
            self.signatures.setdefault(signature, spoken)


def _questions(asked: JvmTraces) -> Questions:
    frames = {_asked(frame): None for trace in asked.stacktraces for frame in trace}
    exceptions = [each.class_name for each in asked.exceptions]
    names = dict.fromkeys([*exceptions, *asked.class_names])
    return Questions(tuple(frames), tuple(names))


def _asked(frame: JvmFrame) -> AskedFrame:
    return AskedFrame(frame.module, frame.function, frame.lineno or 0, frame.signature)
