"""Asks several mappings, one after the other, for real names.

Finds mappings and source bundles by the ids that programs for the JVM carry.

Asks mappings that are kept for real names.
"""

from dataclasses import dataclass, field
from pathlib import Path

import structlog
from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import finder, missing_ids, project_files, usage
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import (
    BlobDamaged,
    BlobMissing,
    ChecksumMismatch,
    NotADebugFile,
    ParserDied,
)
from symdepot.domain.ids import DebugId
from symdepot.domain.jvm import retrace
from symdepot.domain.jvm.retrace import (
    MappingQuery,
    MappingResult,
    ObfuscatedFrame,
    RetracedText,
)
from symdepot.domain.jvm.stack_text import JavaFrame
from symdepot.domain.objects import Format
from symdepot.domain.selection.file_query import FileQuery, FileRole
from symdepot.sandbox import operations
from symdepot.symbolication.jvm_request import (
    JvmException,
    JvmFrame,
    JvmRequest,
    MappingError,
)
from symdepot.symbolication.request import LookupScope
from symdepot.uploads import chunk_joiner
from symdepot.uploads.scratch import scratch_file


def query_mapping(mapping: DebugFile, asked: MappingQuery) -> MappingResult:
    """Ask one mapping.

    Raises:
        NotADebugFile, ParserDied: it cannot be read, now or ever.
        BlobMissing, BlobDamaged, ChecksumMismatch: its bytes are not what they were.
        Unavailable: something of ours failed; the same may work in a moment.
    """
    content, scratch = project_files.file_content(mapping), Path(settings.SCRATCH_DIR)
    chunks = [chunk for chunk, _ in content.chunks]
    with (
        chunk_joiner.local_file(
            content.checksum, chunks, blob_store(), scratch
        ) as path,
        scratch_file(scratch, prefix="questions-") as paper,
    ):
        return operations.query_mapping(path, asked, paper)


def retrace_text(trace: str, mapping: DebugFile) -> RetracedText:
    """Return a text with the frames and exceptions in it under their real names.

    Raises:
        As `query_mapping`.
    """
    asked = retrace.query_for_text(trace)
    return retrace.retrace_text(trace, query_mapping(mapping, asked))


def find_mapping(scope: LookupScope, debug_id: DebugId) -> DebugFile | None:
    """Return the mapping of this id, and note that it is used, or else wanted."""
    return _found(scope, FileRole.MAPPING, Format.PROGUARD, debug_id)


def find_bundle(scope: LookupScope, debug_id: DebugId) -> DebugFile | None:
    """Return the source bundle of this id, likewise."""
    return _found(scope, FileRole.SOURCES, Format.SOURCE_BUNDLE, debug_id)


def _found(
    scope: LookupScope, role: FileRole, kind: Format, debug_id: DebugId
) -> DebugFile | None:
    asked = FileQuery(role, frozenset({kind}), debug_ids=(debug_id,))
    row = finder.find_best(scope.projects, asked)
    if row is not None:
        usage.mark_used(row.project, [row])
    elif scope.project is not None:
        missing_ids.record(scope.project, debug_id=debug_id, code_id=None, by=scope.by)
    return row


_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class MergedNames:
    """The names that the first mapping told that knows something; and which told none."""

    frames: dict[ObfuscatedFrame, list[JavaFrame]] = field(default_factory=dict)
    class_names: dict[str, str] = field(default_factory=dict)
    signatures: dict[str, str] = field(default_factory=dict)
    lacking: dict[DebugId, MappingError] = field(default_factory=dict)

    def learn(self, scope: LookupScope, asked: JvmRequest) -> None:
        """Ask each mapping what those before it did not know.

        Raises:
            Unavailable: something of ours failed; the same may work in a moment.
        """
        questions = _questions(asked)
        for debug_id in dict.fromkeys(asked.mappings):
            row = find_mapping(scope, debug_id)
            lack = MappingError.MISSING if row is None else self._ask(row, questions)
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

    def _ask(self, row: DebugFile, asked: MappingQuery) -> MappingError | None:
        still_open = MappingQuery(
            tuple(frame for frame in asked.frames if frame not in self.frames),
            tuple(name for name in asked.class_names if name not in self.class_names),
        )
        if not (still_open.frames or still_open.class_names):
            return None
        try:
            found = query_mapping(row, still_open)
        except (NotADebugFile, ParserDied) as error:
            _log.warning("useless mapping", mapping=str(row), why=str(error))
            return MappingError.INVALID
        except (BlobMissing, BlobDamaged, ChecksumMismatch) as error:
            _log.error("lost mapping", mapping=str(row), why=str(error))
            return MappingError.MISSING
        self._add(found)
        return None

    def _add(self, found: MappingResult) -> None:
        self.frames.update(found.frames)
        self.class_names.update(found.class_names)
        for signature, spoken in found.signatures.items():
            self.signatures.setdefault(signature, spoken)


def _questions(asked: JvmRequest) -> MappingQuery:
    frames = {_asked(frame): None for trace in asked.stacktraces for frame in trace}
    exceptions = [each.class_name for each in asked.exceptions]
    names = dict.fromkeys([*exceptions, *asked.class_names])
    return MappingQuery(tuple(frames), tuple(names))


def _asked(frame: JvmFrame) -> ObfuscatedFrame:
    return ObfuscatedFrame(
        frame.module, frame.function, frame.lineno or 0, frame.signature
    )
