"""What happens to an upload, from chunks to debug file. The story, in order."""

from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import catalogue, wanted
from symdepot.debugfiles.models import DebugFile
from symdepot.domain import objects
from symdepot.domain.errors import ChunksMissing
from symdepot.domain.ids import Checksum, DebugId
from symdepot.projects import audit, revisions
from symdepot.projects.audit import Action
from symdepot.sandbox import inspecting
from symdepot.uploads import assembly, chunks, files, joining
from symdepot.uploads.models import Assembly


def take_in(held: Assembly) -> DebugFile:
    """Assemble a file and enter it in the catalogue; from here on it is `ok`.

    Bytes are read, hashed and inspected outside any transaction; one short one at the
    end writes it all down. Doing it twice does it once.

    Raises:
        Refused: the file is not what the client said, or not a debug file.
        ChunksMissing: the organization does not own all of the chunks.
        Unavailable: something of ours failed; the same may work in a moment.
    """
    checksum, parts = Checksum(held.checksum), [Checksum(c) for c in held.chunks]
    sizes = chunks.sizes(held.project.organization, parts)
    if missing := chunks.missing(parts, sizes):
        raise ChunksMissing(missing)
    size_bytes = joining.size(
        parts, sizes, name=held.name, limit_bytes=settings.MAX_FILE_SIZE
    )

    with joining.joined(checksum, parts, blob_store(), settings.SCRATCH_DIR) as path:
        inside = inspecting.inspect(path, name=held.name)
    claim = DebugId.parse_or_none(held.debug_id)
    found = objects.findable(objects.claimed(objects.thin(inside), claim))

    with chunks.not_while_freeing():
        file = files.enter(checksum, parts, size_bytes)
        debug_file = catalogue.enter(held.project, file, found)
        wanted.clear(debug_file)
        revisions.move(held.project)
        audit.note(
            held.project,
            Action.UPLOADED,
            by=held.offered_by,
            subject=str(debug_file),
            checksum=checksum.hex,
        )
        assembly.finish(held)
    return debug_file
