"""What happens to an upload, from chunks to symcache. The story, in order."""

from pathlib import Path

from django.conf import settings
from django.utils import timezone

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import catalogue, missing_ids
from symdepot.debugfiles.models import DebugFile
from symdepot.domain import objects
from symdepot.domain.errors import ChunksMissing, LeaseLost
from symdepot.domain.formats import client_metadata
from symdepot.domain.ids import Checksum, DebugId
from symdepot.domain.objects import ObjectFile
from symdepot.domain.symcache.conversion import SymCacheWritten
from symdepot.jobs import leases
from symdepot.pipeline.gc import deletion
from symdepot.projects import audit, webhooks
from symdepot.projects.audit import Action
from symdepot.projects.models import Project
from symdepot.sandbox import operations
from symdepot.symcaches import creation
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads import assembly, chunk_joiner, chunks
from symdepot.uploads.file_splitter import SplitFile
from symdepot.uploads.models import Assembly, File
from symdepot.uploads.scratch import scratch_file


def assemble(held: Assembly) -> DebugFile:
    """Assemble a file and enter it in the catalogue; from here on it is `ok`.

    Bytes are read, hashed and inspected outside any transaction; one short one at the
    end writes it all down. Doing it twice does it once.

    Raises:
        Refused: the file is not what the client said, or not a debug file.
        ChunksMissing: the organization does not own all of the chunks.
        Unavailable: something of ours failed; the same may work in a moment.
    """
    checksum, parts = Checksum(held.checksum), [Checksum(c) for c in held.chunks]
    sizes = chunks.owned_sizes(held.project.organization, parts)
    if missing := chunks.missing(parts, sizes):
        raise ChunksMissing(missing)
    size_bytes = chunk_joiner.file_size(
        parts, sizes, name=held.name, limit_bytes=settings.MAX_FILE_SIZE
    )

    with chunk_joiner.verified_file(
        checksum, parts, blob_store(), settings.SCRATCH_DIR
    ) as path:
        inside = inspect_file(path, name=held.name)
    claim = DebugId.parse_or_none(held.debug_id)
    found = objects.require_findable(client_metadata.with_claimed_id(inside, claim))

    with chunks.not_while_freeing():
        file = chunk_joiner.record_file(checksum, parts, size_bytes)
        debug_file = _enter(held.project, file, found, by=held.offered_by)
        assembly.finish(held)
    return debug_file


def inspect_file(path: Path, *, name: str) -> ObjectFile:
    """Return the one object in the file at `path`, which its client calls `name`.

    Raises:
        NotADebugFile, ParserDied, SandboxUnavailable: see `inspecting.inspect`.
    """
    return objects.single_object(operations.inspect(path, name=name))


def register_file(
    project: Project, cut: SplitFile, found: ObjectFile, *, by: str
) -> DebugFile:
    """Enter a file that came as a whole, and whose chunks the organization owns.

    The end of `assemble`, for what was inspected before it was cut.

    Raises:
        ChunksMissing: they were freed in this very moment.
    """
    with chunks.not_while_freeing():
        owned = chunks.owned_sizes(project.organization, cut.chunks)
        if missing := chunks.missing(cut.chunks, owned):
            raise ChunksMissing(missing)
        file = chunk_joiner.record_file(cut.checksum, cut.chunks, cut.size_bytes)
        return _enter(project, file, found, by=by)


def create_symcache(held: SymCache) -> Outcome:
    """Make a file ready for looking addresses up; return what came of it.

    That it cannot be done is remembered, as its outcome. Everything that takes long
    happens outside any transaction. Doing it twice does it once.

    Raises:
        BlobMissing, BlobDamaged: the file's own bytes are not what they were.
        Unavailable: something of ours failed; the same may work in a moment.
    """
    checksum, parts = creation.source(held)
    store, scratch = blob_store(), settings.SCRATCH_DIR

    with scratch_file(scratch, prefix="symcache-") as draft:
        with chunk_joiner.verified_file(checksum, parts, store, scratch) as path:
            conversion = operations.convert(path, held.wanted(), draft)
        kept = (
            creation.store_symcache(draft, store)
            if isinstance(conversion, SymCacheWritten)
            else None
        )

    try:
        earlier = creation.finish(held, conversion, kept, store)
    except LeaseLost:
        deletion.delete_blobs([kept[0]] if kept else [])
        raise
    deletion.delete_blobs(earlier)
    return Outcome.MADE if kept else Outcome.FAILED


def register_again(
    project: Project, known: DebugFile, again: ObjectFile, *, by: str
) -> DebugFile | None:
    """Enter the file of `known` as `again`, too: the same content under another id.

    Returns None if the file has been deleted in the meantime. Not to be called where
    assemblies are locked: an upload that ends locks its project first.

    Raises:
        NotADebugFile: nobody could find anything by that id.
    """
    found = objects.require_findable(again)
    with chunks.not_while_freeing():
        file = File.objects.filter(pk=known.file_id).first()
        return None if file is None else _enter(project, file, found, by=by)


def _enter(project: Project, file: File, found: ObjectFile, *, by: str) -> DebugFile:
    """Let all know of it who want to, in the same transaction."""
    debug_file = catalogue.enter(project, file, found)
    creation.request([(file, found)], until=leases.queued_until(timezone.now()))
    missing_ids.clear(debug_file)
    webhooks.bump_revision(project)
    audit.record(
        project,
        Action.UPLOADED,
        by=by,
        subject=str(debug_file),
        checksum=file.checksum,
    )
    return debug_file
