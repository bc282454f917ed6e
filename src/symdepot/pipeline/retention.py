"""Forgets what nobody refers to any more."""

from itertools import batched

from django.db.models import Exists, OuterRef

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import catalogue
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.uploads import chunks
from symdepot.uploads.models import Assembly, AwaitedChunk, Chunk, File, FileChunk

_FREED_AT_ONCE = 16


def forget(debug_file: DebugFile) -> None:
    """Delete a debug file; what only it referred to goes with it, at once.

    The state that clients poll goes in the same transaction, so that an upload right
    afterwards finds nothing and brings it back. Chunks that an unfinished upload
    counts on stay, and so do those that somebody has sent again since.
    """
    file = debug_file.file
    doomed: list[Checksum] = []
    with chunks.freeing():
        catalogue.leave(debug_file)
        others = DebugFile.objects.filter(file=file)
        if not others.filter(project=debug_file.project_id).exists():
            Assembly.objects.filter(
                project=debug_file.project_id, checksum=file.checksum
            ).delete()
        if not others.exists():
            doomed = _forget_file(file)
    _free(doomed)


def _forget_file(file: File) -> list[Checksum]:
    """Delete the rows of `file` and of the chunks that only it had; return those."""
    own = FileChunk.objects.filter(file=file).values_list("chunk_id", flat=True)
    candidates = list(own.distinct())
    received_before = file.created_at
    file.delete()
    unused = Chunk.objects.filter(
        ~Exists(FileChunk.objects.filter(chunk=OuterRef("pk"))),
        ~Exists(AwaitedChunk.objects.filter(checksum=OuterRef("checksum"))),
        pk__in=candidates,
        received_at__lte=received_before,
    )
    doomed = [Checksum(c) for c in unused.values_list("checksum", flat=True)]
    Chunk.objects.filter(checksum__in=[c.hex for c in doomed]).delete()
    return doomed


def _free(doomed: list[Checksum]) -> None:
    """Delete the bytes of chunks that have no row, a few at a time.

    A crash before this leaves blobs that nobody refers to, never a row without its
    bytes. Whoever sends the same chunk in between either has its row seen here, or
    sees that the bytes are gone when it writes the row.
    """
    store = blob_store()
    for batch in batched(doomed, _FREED_AT_ONCE):
        with chunks.freeing():
            back = set(
                Chunk.objects.filter(checksum__in=[c.hex for c in batch]).values_list(
                    "checksum", flat=True
                )
            )
            for checksum in batch:
                if checksum.hex not in back:
                    store.delete(checksum)
