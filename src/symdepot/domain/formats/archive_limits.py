"""Limits against archives that expand to fill disk or memory."""

import io
import zipfile
from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much may be extracted from one archive or member.

    Debug files compress to a third or a tenth, sources to a fifth, tables of numbers to
    a fiftieth; a bomb in deflate to a thousandth.
    """

    max_members: int
    free_bytes: int
    """Extracted bytes that are allowed whatever the ratio."""
    max_ratio: int = 200

    def max_bytes(self, packed_bytes: int) -> int:
        """Return how many bytes an archive of `packed_bytes` may expand to."""
        return self.free_bytes + self.max_ratio * packed_bytes


PACKAGES = ArchiveLimits(max_members=200_000, free_bytes=64 << 20)
ZIP_UPLOADS = ArchiveLimits(max_members=10_000, free_bytes=64 << 20)
SOURCE_BUNDLES = ArchiveLimits(max_members=200_000, free_bytes=1 << 20)
"""More files than the largest programs have; a Linux kernel has 30,000."""


class BoundedFile(io.RawIOBase):
    """A zip for `zipfile`, which reads its directory at once: no larger reads.

    Such a read, or an offset outside of the file, is a `zipfile.BadZipFile`.
    """

    def __init__(self, file: IO[bytes], max_directory_bytes: int) -> None:
        self._file = file
        self._end = file.seek(0, io.SEEK_END)
        self._max_directory_bytes = max_directory_bytes

    def seekable(self) -> bool:
        """Return true."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Change the position."""
        if whence == io.SEEK_SET and not 0 <= offset <= self._end:
            raise zipfile.BadZipFile("an offset outside of the file")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, or to the end."""
        rest = max(self._end - self._file.tell(), 0)
        size = rest if size < 0 else min(size, rest)
        if size > self._max_directory_bytes:
            raise zipfile.BadZipFile(f"a directory of {size} bytes")
        return self._file.read(size)
