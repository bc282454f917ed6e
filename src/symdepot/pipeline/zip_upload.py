"""Takes files out of a zip archive that a stranger sent, and keeps within bounds."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.domain.errors import FileTooLarge, InvalidRequest
from symdepot.domain.ids import Checksum
from symdepot.pipeline import fat_split
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
_BLOCK_BYTES = 1024 * 1024
_BEYOND_ALL_DISKS = 2**60
_MOST_MEMBERS = 10_000
_MOST_EXPANSION = 200
"""Debug files compress to a third or a tenth; deflate can do a thousandth."""
_FREE_EXPANSION_BYTES = 64 * 1024 * 1024
"""Below this size, nobody cares how well something was compressed."""


def extract_zip(
    archive: IO[bytes],
) -> Iterator[tuple[UploadRequest, dict[Checksum, int]]]:
    """Keep the chunks of each file in a zip; yield it with the sizes of its chunks.

    Directories and empty members are passed over. A fat Mach-O file is cut into its
    thin ones, as newer clients do it, so that each is looked up and served by itself.

    Raises:
        InvalidRequest: it is no zip, is encrypted or damaged, has too many members,
            or expands beyond all measure.
        FileTooLarge: a member is larger than any file that is taken.
        StorageUnavailable: the disk or bucket did not take the bytes.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in _members(opened):
                yield from _take_out(opened, member)
    except _UNREADABLE as error:
        raise InvalidRequest(
            f"The file is not a readable zip archive: {error}"
        ) from None


def _members(opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    members = [m for m in opened.infolist() if not m.is_dir() and m.file_size]
    if len(members) > _MOST_MEMBERS:
        raise InvalidRequest(
            f"The archive has {len(members)} files: at most {_MOST_MEMBERS} are taken."
        )
    for member in members:
        if not 0 <= member.header_offset < _BEYOND_ALL_DISKS:
            raise zipfile.BadZipFile(f"Bad offset of {member.filename!r}")
        if member.flag_bits & 1:
            raise InvalidRequest(f"{member.filename!r} in the archive is encrypted.")
        if member.file_size > settings.MAX_FILE_SIZE:
            raise FileTooLarge(
                name=member.filename,
                size_bytes=member.file_size,
                limit_bytes=settings.MAX_FILE_SIZE,
            )
    packed = sum(m.compress_size for m in members)
    if sum(m.file_size for m in members) > _FREE_EXPANSION_BYTES + (
        packed * _MOST_EXPANSION
    ):
        raise InvalidRequest("The archive expands beyond all measure.")
    return members


def _take_out(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo
) -> Iterator[tuple[UploadRequest, dict[Checksum, int]]]:
    # The slash makes `proguard/<uuid>.txt` what clients call it elsewhere.
    name = f"/{member.filename}"[-settings.MAX_NAME_LENGTH :]
    with scratch_file(settings.SCRATCH_DIR, prefix="unpacked-") as path:
        with path.open("wb") as copy, opened.open(member) as content:
            _copy(content, copy, member.file_size)
        for thin in fat_split.thin_files(path):
            cut = file_splitter.split(
                thin, blob_store(), chunk_bytes=settings.CHUNK_SIZE
            )
            yield UploadRequest(cut.checksum, name, cut.chunks), cut.sizes


def _copy(content: IO[bytes], copy: IO[bytes], announced_bytes: int) -> None:
    """Copy a member, believing its size only as long as it holds."""
    left = announced_bytes
    while left >= 0 and (block := _read(content)):
        left -= len(block)
        copy.write(block)
    if left:
        raise InvalidRequest("The archive is not what its directory says.")


def _read(content: IO[bytes]) -> bytes:
    try:
        return content.read(_BLOCK_BYTES)
    except OSError as error:
        # Without a number it is not of the system, but bz2's word for damage.
        if error.errno is None:
            raise zipfile.BadZipFile(str(error)) from error
        raise
