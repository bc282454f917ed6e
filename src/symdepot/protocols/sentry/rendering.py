"""A debug file as Sentry's clients read it."""

from collections.abc import Collection
from datetime import UTC, datetime

from symdepot.debugfiles.models import DebugFile
from symdepot.protocols.sentry.schemas import DebugFileData, DebugFileOut, SymCacheOut
from symdepot.symcaches import status
from symdepot.symcaches.models import SymCache

_UUID_LENGTH = 36


def debug_files(rows: Collection[DebugFile]) -> list[DebugFileOut]:
    """Return the JSON of debug files in their order, with what is known of symcaches.

    Source: spec/sentry-server 3.3.
    """
    known = status.of(rows)
    return [debug_file(row, known.get(row.pk)) for row in rows]


def debug_file(row: DebugFile, symcache: SymCache | None = None) -> DebugFileOut:
    """Return the JSON of one debug file."""
    found = row.object_file()
    return DebugFileOut(
        id=str(row.pk),
        uuid=row.debug_id[:_UUID_LENGTH],
        debugId=row.debug_id,
        codeId=row.code_id or None,
        cpuName=row.arch,
        objectName=row.object_name,
        symbolType=found.format.value,
        headers={"Content-Type": found.format.mime_type},
        size=row.file.size_bytes,
        sha1=row.file.checksum,
        dateCreated=_time(row.file.created_at),
        data=DebugFileData(type=found.kind, features=sorted(found.features)),
        symcache=_symcache(symcache) if symcache else None,
    )


def _symcache(row: SymCache) -> SymCacheOut:
    return SymCacheOut(
        outcome=row.outcome,
        detail=row.detail or None,
        symbolsOnly=row.symbols_only,
        retryAt=_time(row.retry_at) if row.retry_at else None,
    )


def _time(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
