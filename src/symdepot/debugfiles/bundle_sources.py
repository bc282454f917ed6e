"""Takes single sources out of a source bundle that is kept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from symdepot.blobs.store import BlobStore
from symdepot.debugfiles.project_files import FileContent
from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import source_bundle
from symdepot.domain.formats.source_bundle import SourceBundle
from symdepot.uploads import chunk_joiner


def read_source(
    bundle: FileContent, paths: Sequence[str], store: BlobStore, scratch: Path
) -> bytes | None:
    """Return the source that the first known one of `paths` names; None if none is.

    None, too, if the bundle cannot be read. No more is unpacked than the bundle's list
    and the one source.

    Raises:
        BlobMissing: the bytes are gone.
        BlobDamaged: a chunk of several is not what it was.
        StorageUnavailable: the store or the scratch disk did not answer.
    """
    try:
        with open_kept_bundle(bundle, store, scratch) as sources:
            texts = (sources.source(one) for one in paths)
            found = next((text for text in texts if text is not None), None)
            return None if found is None else found.encode()
    except NotADebugFile:
        return None


@contextmanager
def open_kept_bundle(
    bundle: FileContent, store: BlobStore, scratch: Path
) -> Iterator[SourceBundle]:
    """Open a source bundle for as long as the context lasts.

    Raises:
        NotADebugFile: it cannot be read as one.
        BlobMissing, BlobDamaged, StorageUnavailable: as of `read_source`.
    """
    chunks = [chunk for chunk, _ in bundle.chunks]
    with (
        chunk_joiner.local_file(bundle.checksum, chunks, store, scratch) as path,
        source_bundle.open_bundle(path) as sources,
    ):
        yield sources
