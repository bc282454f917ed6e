"""A debug file as Sentry's clients read it."""

from datetime import UTC

from symdepot.debugfiles.models import DebugFile
from symdepot.protocols.sentry.schemas import DebugFileData, DebugFileOut

_UUID_LENGTH = 36


def debug_file(row: DebugFile) -> DebugFileOut:
    """Return the JSON of one debug file.

    Source: spec/sentry-server 3.3.
    """
    found = row.object_file()
    created = row.file.created_at.astimezone(UTC)
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
        dateCreated=created.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        data=DebugFileData(type=found.kind, features=sorted(found.features)),
    )
