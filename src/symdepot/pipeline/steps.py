"""From chunks to a debug file to its symcache: the main path of the system, in order."""

from pathlib import Path

from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import catalogue, missing_ids
from symdepot.debugfiles.models import DebugFile
from symdepot.domain import objects
from symdepot.domain.errors import FileTooLarge, LeaseLost
from symdepot.domain.formats import client_metadata
from symdepot.domain.ids import Checksum, DebugId
from symdepot.domain.objects import ObjectFile
from symdepot.domain.symcache.conversion import SymCacheWritten
from symdepot.pipeline.gc import deletion
from symdepot.projects import audit, webhooks
from symdepot.projects.audit import Action
from symdepot.projects.models import Project
from symdepot.sandbox import operations
from symdepot.symcaches import lifecycle
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads import assembly, chunk_joiner, chunks
from symdepot.uploads.file_splitter import SplitFile
from symdepot.uploads.models import Assembly, File
from symdepot.uploads.scratch import scratch_file


def assemble(upload: Assembly) -> DebugFile:
    """Assemble a file from its chunks and register it as a debug file. Makes it `ok`.

    Reads, hashes and inspects outside of any transaction. One short transaction at the
    end writes the rows. Repeating it changes nothing.

    Raises:
        Refused: the file has another checksum than claimed, or is no debug file.
        ChunksMissing: the organization, or the project if the token is confined to it,
            does not own all of the chunks.
        Unavailable: a temporary error of the server.
    """
    checksum, parts = Checksum(upload.checksum), [Checksum(c) for c in upload.chunks]
    project = upload.project
    confined_to = project if upload.is_confined else None
    sizes = chunks.require_owned(project.organization, parts, confined_to=confined_to)
    size_bytes = sum(sizes[chunk] for chunk in parts)
    check_size(upload.name, size_bytes)

    with chunk_joiner.verified_file(
        checksum, parts, blob_store(), settings.SCRATCH_DIR
    ) as path:
        inspected = inspect_file(path, name=upload.name)
    claimed_id = DebugId.parse_or_none(upload.debug_id)
    identified = client_metadata.with_claimed_id(inspected, claimed_id)
    found = objects.require_findable(identified)

    with chunks.not_while_freeing():
        file = chunks.record_file(checksum, parts, size_bytes)
        debug_file = _register(project, file, found, by=upload.offered_by)
        assembly.finish(upload)
    return debug_file


def create_symcache(row: SymCache) -> Outcome:
    """Convert a file for address lookup and store the result. Returns the outcome.

    A file that cannot be converted is an outcome, not an error. Converts and stores
    outside of any transaction. Repeating it changes nothing.

    Raises:
        BlobMissing, BlobDamaged: the bytes of the file are gone or damaged.
        Unavailable: a temporary error of the server.
    """
    checksum, parts = lifecycle.source(row)
    store, scratch = blob_store(), settings.SCRATCH_DIR

    with scratch_file(scratch, prefix="symcache-") as output:
        with chunk_joiner.verified_file(checksum, parts, store, scratch) as path:
            conversion = operations.convert(path, row.selector(), output)
        stored = None
        if isinstance(conversion, SymCacheWritten):
            stored = lifecycle.store_symcache(output, store)

    try:
        replaced = lifecycle.finish(row, conversion, stored, store)
    except LeaseLost:
        deletion.delete_blobs_or_leave([stored[0]] if stored else [])
        raise
    deletion.delete_blobs_or_leave(replaced)
    return Outcome.MADE if stored else Outcome.FAILED


def check_size(name: str, size_bytes: int) -> None:
    """Check that a file is not larger than `settings.MAX_FILE_SIZE`.

    Raises:
        FileTooLarge: it is.
    """
    limit_bytes = settings.MAX_FILE_SIZE
    if size_bytes > limit_bytes:
        raise FileTooLarge(name=name, size_bytes=size_bytes, limit_bytes=limit_bytes)


def inspect_file(path: Path, *, name: str) -> ObjectFile:
    """Return the one object in the file at `path`, as `operations.inspect` reads it.

    `name`: its name at the client.
    """
    return objects.single_object(operations.inspect(path, name=name))


def register_file(
    project: Project, split: SplitFile, found: ObjectFile, *, by: str
) -> DebugFile:
    """Register a file that the server itself inspected and split into chunks.

    Raises:
        ChunksMissing: chunks were freed at this moment.
    """
    with chunks.not_while_freeing():
        chunks.require_owned(project.organization, split.chunks)
        file = chunks.record_file(split.checksum, split.chunks, split.size_bytes)
        return _register(project, file, found, by=by)


def register_again(
    project: Project, known: DebugFile, found: ObjectFile, *, by: str
) -> DebugFile | None:
    """Register the content of `known` under the ids of `found`, too.

    None: the file has been deleted in the meantime. Must not be called with assemblies
    locked: `assemble` locks the project first, then the assembly.
    """
    with chunks.not_while_freeing():
        file = File.objects.filter(pk=known.file_id).first()
        return None if file is None else _register(project, file, found, by=by)


def _register(project: Project, file: File, found: ObjectFile, *, by: str) -> DebugFile:
    """Enter a file in the catalogue, with all that follows from it, in a transaction."""
    debug_file = catalogue.add(project, file, found)
    lifecycle.request([(file, found)])
    missing_ids.clear(debug_file)
    webhooks.bump_revision(project)
    subject, checksum = str(debug_file), file.checksum
    audit.record(project, Action.UPLOADED, by=by, subject=subject, checksum=checksum)
    return debug_file
