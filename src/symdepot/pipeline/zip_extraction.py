"""Extracts the files of an uploaded zip archive, within limits."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.blobs.store import BLOCK_BYTES
from symdepot.domain.errors import InvalidRequest
from symdepot.domain.formats.archive_limits import ZIP_UPLOADS, BoundedFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline import steps
from symdepot.uploads import file_splitter
from symdepot.uploads.assembly import UploadRequest
from symdepot.uploads.scratch import scratch_file

_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    UnicodeDecodeError,
)
_MAX_OFFSET = 2**60
_MAX_DIRECTORY_BYTES = 8 << 20
"""Far more than 10,000 files have. Each entry takes 50 bytes, and 1 kB when parsed."""


def extract_zip(
    archive: IO[bytes],
) -> Iterator[tuple[UploadRequest, dict[Checksum, int]]]:
    """Store the chunks of each file in a zip. Yields the files, and their chunk sizes.

    Skips directories and empty members. Splits fat Mach-O files, as newer clients do.

    Raises:
        InvalidRequest: it is no zip, is encrypted or damaged, has too many members, or
            expands too much, also to more than `settings.MAX_FILE_SIZE` in all.
        FileTooLarge: a member is larger than `settings.MAX_FILE_SIZE`.
        StorageUnavailable: the disk or the bucket failed.
    """
    try:
        bounded = BoundedFile(archive, _MAX_DIRECTORY_BYTES)
        with zipfile.ZipFile(bounded) as opened:
            for member in _members(opened):
                yield from _extract(opened, member)
    except _UNREADABLE as error:
        text = f"The file is not a readable zip archive: {error}"
        raise InvalidRequest(text) from None


def _members(opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    members = [m for m in opened.infolist() if not m.is_dir() and m.file_size]
    if len(members) > (limit := ZIP_UPLOADS.max_members):
        text = f"The archive has {len(members)} files: at most {limit} are taken."
        raise InvalidRequest(text)
    for member in members:
        if not 0 <= member.header_offset < _MAX_OFFSET:
            raise zipfile.BadZipFile(f"Bad offset of {member.filename!r}")
        if member.flag_bits & 1:
            raise InvalidRequest(f"{member.filename!r} in the archive is encrypted.")
        steps.check_size(member.filename, member.file_size)
    packed = sum(m.compress_size for m in members)
    total = sum(m.file_size for m in members)
    if total > ZIP_UPLOADS.max_bytes(packed):
        raise InvalidRequest("The archive expands beyond all measure.")
    if total > (limit := settings.MAX_FILE_SIZE):
        text = f"The archive expands to {total} bytes: at most {limit} are taken."
        raise InvalidRequest(text)
    return members


def _extract(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo
) -> Iterator[tuple[UploadRequest, dict[Checksum, int]]]:
    # With a slash, as clients write `/proguard/<uuid>.txt` elsewhere.
    name = f"/{member.filename}"[-settings.MAX_NAME_LENGTH :]
    with scratch_file(settings.SCRATCH_DIR, prefix="unpacked-") as path:
        with path.open("wb") as copy, opened.open(member) as content:
            _copy(content, copy, member.file_size)
        for thin in file_splitter.thin_files(path, settings.SCRATCH_DIR):
            chunk_bytes = settings.CHUNK_SIZE
            split = file_splitter.split(thin, blob_store(), chunk_bytes=chunk_bytes)
            yield UploadRequest(split.checksum, name, split.chunks), split.sizes


def _copy(content: IO[bytes], copy: IO[bytes], announced_bytes: int) -> None:
    """Copy a member of exactly `announced_bytes`."""
    left = announced_bytes
    while left >= 0 and (block := _read(content)):
        left -= len(block)
        copy.write(block)
    if left:
        raise InvalidRequest("The archive is not what its directory says.")


def _read(content: IO[bytes]) -> bytes:
    try:
        return content.read(BLOCK_BYTES)
    except OSError as error:
        # Without `errno` it is not from the system: bz2 reports damage so.
        if error.errno is None:
            raise zipfile.BadZipFile(str(error)) from error
        raise
