"""Query ProGuard and R8 mappings for real names; merge the results of several mappings.

Also finds mappings and source bundles by the debug ids that JVM programs carry.
"""

from dataclasses import dataclass, field
from pathlib import Path

import structlog
from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import contents, finder, missing_ids
from symdepot.debugfiles.finder import FileRecord
from symdepot.debugfiles.models import DebugFile
from symdepot.debugfiles.near_misses import RequestedIds
from symdepot.domain import errors
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

_DAMAGED = (
    errors.BlobMissing,
    errors.BlobDamaged,
    errors.ContentDamaged,
    errors.ChecksumMismatch,
)
UNREADABLE = (errors.NotADebugFile, errors.ParserDied, *_DAMAGED)
"""Errors of `query_mapping` that a retry does not help."""
_log = structlog.get_logger(__name__)


def query_mapping(
    mapping: DebugFile | FileRecord, query: MappingQuery
) -> MappingResult:
    """Query one mapping, in the sandbox.

    Raises:
        NotADebugFile, ParserDied: it cannot be parsed.
        BlobMissing, BlobDamaged, ContentDamaged, ChecksumMismatch: its bytes are missing or damaged.
        Unavailable: temporary failure of this server; retry.
    """
    content, scratch = contents.file_content(mapping), Path(settings.SCRATCH_DIR)
    chunks = [chunk for chunk, _ in content.chunks]
    file = chunk_joiner.local_file(content.checksum, chunks, blob_store(), scratch)
    with file as path, scratch_file(scratch, prefix="questions-") as spill_path:
        return operations.query_mapping(path, query, spill_path)


def retrace_text(trace: str, mapping: DebugFile) -> RetracedText:
    """Return a text with real names in its frames and exceptions; as `query_mapping`."""
    query = retrace.query_for_text(trace)
    return retrace.retrace_text(trace, query_mapping(mapping, query))


def log_unreadable(mapping: DebugFile | FileRecord, error: Exception) -> bool:
    """Log that a mapping is UNREADABLE. Return whether its bytes are at fault."""
    is_damaged = isinstance(error, _DAMAGED)
    log = _log.error if is_damaged else _log.warning
    log("mapping.unreadable", mapping=str(mapping), reason=str(error))
    return is_damaged


def find_file(
    scope: LookupScope, file_format: Format, debug_id: DebugId
) -> FileRecord | None:
    """Return a mapping or source bundle and mark it used; else record a missing id."""
    is_mapping = file_format is Format.PROGUARD
    role = FileRole.MAPPING if is_mapping else FileRole.SOURCES
    query = FileQuery(role, frozenset({file_format}), debug_ids=(debug_id,))
    row = finder.find_match(scope.readable, query).best
    if row is not None:
        finder.note_use(row)
    elif scope.project is not None:
        requested = RequestedIds(debug_id, None)
        missing_ids.record_miss(scope.project.pk, requested, by=scope.by)
    return row


@dataclass(slots=True)
class MergedNames:
    """Merged results of several mappings; the first that knows a name wins.

    `errors`: mappings that could not be used.
    """

    frames: dict[ObfuscatedFrame, list[JavaFrame]] = field(default_factory=dict)
    class_names: dict[str, str] = field(default_factory=dict)
    signatures: dict[str, str] = field(default_factory=dict)
    errors: dict[DebugId, MappingError] = field(default_factory=dict)

    def query_mappings(self, scope: LookupScope, request: JvmRequest) -> None:
        """Query each mapping of `request` for the names that are still unknown.

        Raises:
            Unavailable: temporary failure of this server; retry.
        """
        frames = [_obfuscated(f) for trace in request.stacktraces for f in trace]
        names = [*(e.class_name for e in request.exceptions), *request.class_names]
        query = MappingQuery(tuple(dict.fromkeys(frames)), tuple(dict.fromkeys(names)))
        for debug_id in dict.fromkeys(request.mappings):
            row = find_file(scope, Format.PROGUARD, debug_id)
            error = MappingError.MISSING if row is None else self._query(row, query)
            if error is not None:
                self.errors[debug_id] = error

    def real_frames(self, frame: JvmFrame) -> list[JavaFrame]:
        """Return the real frames of a frame, innermost first; empty if unknown."""
        return self.frames.get(_obfuscated(frame), [])

    def signature(self, frame: JvmFrame) -> str | None:
        """Return the readable signature of a frame's method, else the client's."""
        sent = frame.signature
        return None if sent is None else self.signatures.get(sent, sent)

    def exception(self, exception: JvmException) -> JvmException:
        """Return an exception under its real name, if it is known."""
        name = self.class_names.get(exception.class_name)
        if name is None:
            return exception
        module, _, simple = name.rpartition(".")
        return JvmException(type=simple, module=module)

    def _query(self, row: FileRecord, query: MappingQuery) -> MappingError | None:
        left = MappingQuery(
            tuple(frame for frame in query.frames if frame not in self.frames),
            tuple(name for name in query.class_names if name not in self.class_names),
        )
        if not (left.frames or left.class_names):
            return None
        try:
            result = query_mapping(row, left)
        except UNREADABLE as error:
            is_damaged = log_unreadable(row, error)
            return MappingError.MISSING if is_damaged else MappingError.INVALID
        self.frames |= result.frames
        self.class_names |= result.class_names
        self.signatures = {**result.signatures, **self.signatures}
        return None


def _obfuscated(frame: JvmFrame) -> ObfuscatedFrame:
    line = frame.lineno or 0
    return ObfuscatedFrame(frame.module, frame.function, line, frame.signature)
