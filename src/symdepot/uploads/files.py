"""Enters assembled files: what they hash to, and which chunks they are made of."""

from collections.abc import Sequence

from symdepot.domain.ids import Checksum
from symdepot.uploads.models import Chunk, File, FileChunk


def enter(checksum: Checksum, chunks: Sequence[Checksum], size_bytes: int) -> File:
    """Return the file that `chunks` were seen to make; entering it twice is no error.

    A file that is here already stays as it is, even if it came in other chunks. One
    that was damaged is from now on made of these, and sound.
    """
    file, is_new = File.objects.get_or_create(
        checksum=checksum.hex, defaults={"size_bytes": size_bytes}
    )
    if file.damaged_at is not None:
        FileChunk.objects.filter(file=file).delete()
        file.damaged_at, file.size_bytes = None, size_bytes
        file.save(update_fields=["damaged_at", "size_bytes"])
        is_new = True
    if is_new:
        rows = Chunk.objects.filter(checksum__in={c.hex for c in chunks})
        ids = dict(rows.values_list("checksum", "pk"))
        FileChunk.objects.bulk_create(
            FileChunk(file=file, position=position, chunk_id=ids[chunk.hex])
            for position, chunk in enumerate(chunks)
        )
    return file
