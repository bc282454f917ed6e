"""Reads stored debug files: their chunks, sources in a bundle, the name of a program."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from symdepot.blobs.configured import blob_store
from symdepot.blobs.store import BlobStore
from symdepot.debugfiles.finder import FileRecord
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import Missing, NotADebugFile, Unavailable
from symdepot.domain.formats import source_bundle
from symdepot.domain.formats.source_bundle import SourceBundle
from symdepot.domain.ids import Checksum
from symdepot.domain.objects import Format
from symdepot.domain.symbol_paths.breakpad_module import HEAD_BYTES, BreakpadModule
from symdepot.domain.symbol_paths.name_normalization import base_name
from symdepot.uploads import chunk_joiner, chunk_verification
from symdepot.uploads.models import FileChunk, StoredChunk

_MAX_NAMES_IN_MEMORY = 4096
_MAX_NAME_LENGTH = 500
_find_code_file = re.compile(
    rb"^INFO CODE_ID [0-9A-Fa-f]+ ([^\r\n]+)\r?$", re.MULTILINE
).search


@dataclass(frozen=True, slots=True)
class FileContent:
    """The bytes of a file: its chunks in order, each with its size."""

    checksum: Checksum
    size_bytes: int
    chunks: tuple[tuple[Checksum, int], ...]


def file_content(debug_file: DebugFile | FileRecord) -> FileContent:
    """Return the chunks of `debug_file`, whose bytes are verified.

    Raises:
        ContentDamaged: one is damaged or gone.
        StorageUnavailable: the disk or bucket failed.
    """
    file = debug_file if isinstance(debug_file, FileRecord) else debug_file.file
    chunks = (
        FileChunk.objects.filter(file=debug_file.file_id)
        .order_by("position")
        .values_list(
            "chunk__checksum",
            "chunk__size_bytes",
            "chunk__verified_at",
            "chunk__is_damaged",
        )
    )
    stored = [
        StoredChunk(Checksum(checksum), size_bytes, verified_at, is_damaged)
        for checksum, size_bytes, verified_at, is_damaged in chunks
    ]
    chunk_verification.require_sound(stored, blob_store())
    return FileContent(
        checksum=Checksum(str(file.checksum)),
        size_bytes=file.size_bytes,
        chunks=tuple((chunk.checksum, chunk.size_bytes) for chunk in stored),
    )


def read_source(
    bundle: FileContent, paths: Sequence[str], store: BlobStore, scratch: Path
) -> bytes | None:
    """Return the source with the first of `paths` that is in the bundle.

    None if none of them is, or if the bundle cannot be read. Only the bundle's index
    and this source are unpacked.

    Raises:
        BlobMissing: the bytes are gone.
        BlobDamaged: a chunk of several is damaged.
        StorageUnavailable: the store or the scratch disk failed.
    """
    try:
        with open_bundle(bundle, store, scratch) as sources:
            texts = (sources.source(path) for path in paths)
            found = next((text for text in texts if text is not None), None)
            return None if found is None else found.encode()
    except NotADebugFile:
        return None


@contextmanager
def open_bundle(
    bundle: FileContent, store: BlobStore, scratch: Path
) -> Iterator[SourceBundle]:
    """Open a source bundle for as long as the context lasts.

    Raises:
        NotADebugFile: it cannot be read as one.
        BlobMissing, BlobDamaged, StorageUnavailable: see `read_source`.
    """
    chunks = [chunk for chunk, _ in bundle.chunks]
    with (
        chunk_joiner.local_file(bundle.checksum, chunks, store, scratch) as path,
        source_bundle.open_bundle(path) as sources,
    ):
        yield sources


def code_file_name(debug_file: DebugFile, same_id: Iterable[DebugFile]) -> str:
    """Return the name of the program of `debug_file`, as `xul.dll` for `xul.pdb`.

    A Breakpad file may contain it. For a PDB it is the name of the program among the
    files with the `same_id`. Empty: unknown.

    Source: spec/serving 5.1; Breakpad's docs/symbol_files.md, "INFO CODE_ID".
    """
    if debug_file.file_format != Format.BREAKPAD:
        programs = (row for row in same_id if row.file_format == Format.PE)
        return next((row.object_name for row in programs), "")
    try:
        return _name_in_breakpad_file(debug_file.file.checksum)
    except (Missing, Unavailable):
        return ""


def is_of_program(found: FileRecord, name: str) -> bool:
    """Return whether a Breakpad file does not name another program than `name`.

    Its code id may be that of two Windows programs.
    """
    try:
        known = _name_in_breakpad_file(found.checksum.hex)
    except (Missing, Unavailable):
        return True
    return not known or base_name(known).lower() == name.lower()


def breakpad_module(found: FileRecord) -> BreakpadModule | None:
    """Return the first line of a Breakpad file; None if it cannot be read."""
    try:
        return BreakpadModule.parse(_head(found.checksum.hex))
    except (Missing, Unavailable):
        return None


@lru_cache(_MAX_NAMES_IN_MEMORY)
def _name_in_breakpad_file(checksum: str) -> str:
    match = _find_code_file(_head(checksum))
    if match is None:
        return ""
    return match[1].decode("utf-8", "replace").strip()[:_MAX_NAME_LENGTH]


def _head(checksum: str) -> bytes:
    """Return the first bytes of a file, as many as its first chunk has at most."""
    firsts = FileChunk.objects.filter(file__checksum=checksum, position=0)
    first = firsts.select_related("chunk").first()
    if first is None:
        return b""
    chunk = first.chunk.stored_chunk()
    chunk_verification.require_sound([chunk], blob_store())
    with blob_store().open(chunk.checksum) as blob:
        return blob.read(HEAD_BYTES)
