"""Deletes rows that nobody refers to, and bytes that no row names. Bytes go last.

What takes rows out is to be called in `chunks.freeing`, and takes as many statements
for a thousand as for one.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import batched

from django.db.models import Exists, OuterRef

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.symcaches.models import SymCache
from symdepot.uploads import chunks, expiry
from symdepot.uploads.models import Chunk, File

_FREED_AT_ONCE = 16


def drop_files(files: Collection[int]) -> tuple[set[int], set[Checksum]]:
    """Delete those of these files that are no debug file of anybody.

    Returns their rows, and what their symcaches, which go with them, were kept under.
    """
    unused = File.objects.filter(
        ~Exists(DebugFile.objects.filter(file=OuterRef("pk"))), pk__in=files
    )
    gone = set(unused.values_list("pk", flat=True))
    made = SymCache.objects.filter(file__in=gone)
    blobs = {Checksum(c) for c in made.values_list("checksum", flat=True) if c}
    made.delete()
    File.objects.filter(pk__in=gone).delete()
    return gone, blobs


def drop_chunks(
    candidates: Collection[int], received_before: datetime
) -> dict[int, Checksum]:
    """Delete those of these chunks that are loose; return their rows and names."""
    loose = expiry.loose(received_before).filter(pk__in=candidates)
    gone = dict(loose.values_list("pk", "checksum"))
    Chunk.objects.filter(pk__in=gone).delete()
    return {pk: Checksum(checksum) for pk, checksum in gone.items()}


def named(checksums: Iterable[Checksum]) -> set[Checksum]:
    """Return those of these blobs that some row names: a chunk's or a symcache's."""
    wanted = [c.hex for c in checksums]
    return {
        Checksum(found)
        for rows in (Chunk.objects, SymCache.objects)
        for found in rows.filter(checksum__in=wanted).values_list("checksum", flat=True)
    }


def free(doomed: Iterable[Checksum]) -> set[Checksum]:
    """Delete the bytes of those that no row names, a few at a time; return which.

    A crash before this leaves blobs that nobody refers to, never a row without its
    bytes. Whoever sends the same chunk in between either has its row seen here, or
    sees that the bytes are gone when it writes the row.
    """
    store = blob_store()
    freed: set[Checksum] = set()
    for batch in batched(doomed, _FREED_AT_ONCE):
        with chunks.freeing():
            unnamed = set(batch) - named(batch)
            for checksum in unnamed:
                store.delete(checksum)
        freed |= unnamed
    return freed
