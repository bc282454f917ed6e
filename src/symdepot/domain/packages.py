"""Takes files out of packages and other archives, one after the other.

What it is handed comes from strangers and is parsed by a library in C, which may end
the process that reads it: it is called in children of `sandbox` alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, cast, create_string_buffer
from dataclasses import dataclass
from stat import S_ISREG

try:
    from libarchive import ffi  # type: ignore[import-untyped] # it has no types
    from libarchive.exception import ArchiveError  # type: ignore[import-untyped]
    from libarchive.read import new_archive_read  # type: ignore[import-untyped]
except (OSError, AttributeError) as error:
    # It looks for functions of a library that is not there in the program itself.
    raise ImportError("the shared library libarchive is not there") from error

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.magic import Package

_BLOCK_BYTES = 256 * 1024
_COMPRESSIONS = ("gzip", "bzip2", "lzma", "xz", "zstd")
_WAYS = {
    Package.CABINET: (("cab",), ()),
    Package.DEB: (("ar",), ()),
    Package.RPM: (("cpio",), ("rpm", *_COMPRESSIONS)),
    Package.TAR: (("tar",), _COMPRESSIONS),
    Package.ZIP: (("zip",), ()),
}
"""Which formats and which compressions of libarchive's may be needed for each.

None of those for which it would start a program.
"""
_DATA = "data.tar"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may come out of one archive of `packed_bytes`."""

    packed_bytes: int
    members: int = 200_000
    free_bytes: int = 64 * 1024 * 1024
    expansion: int = 200


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: what it is called there, how large it says it is.

    Its bytes can be read until the next member is asked for, or not at all.
    """

    name: str
    promised_bytes: int
    blocks: Iterator[bytes]


def members(fd: int, kind: Package, bounds: Bounds) -> Iterator[Member]:
    """Yield the files in the archive that is open as `fd`, but no empty ones.

    Raises:
        NotADebugFile: it cannot be read to the end, or holds more than `bounds`; the
            text says what is wrong with it.

    Source: deb(5): the files are in a member `data.tar`, however it is compressed.
    """
    tally = _Tally(bounds)
    try:
        with _opened(kind) as archive:
            ffi.read_open_fd(archive, fd, _BLOCK_BYTES)
            outer = _members(archive, tally)
            yield from _inner(outer, tally) if kind is Package.DEB else outer
    except ArchiveError as error:
        raise NotADebugFile(f"The archive cannot be read: {_text(error)}") from error


class _Tally:
    """Counts what comes out of an archive, and says when it is too much."""

    def __init__(self, bounds: Bounds) -> None:
        self._members_left = bounds.members
        self._bytes_left = bounds.free_bytes + bounds.expansion * bounds.packed_bytes

    def member(self) -> None:
        self._members_left -= 1
        if self._members_left < 0:
            raise NotADebugFile("The archive has too many files.")

    def unpacked(self, size_bytes: int) -> None:
        self._bytes_left -= size_bytes
        if self._bytes_left < 0:
            raise NotADebugFile("The archive expands beyond all measure.")


def _inner(outer: Iterator[Member], tally: _Tally) -> Iterator[Member]:
    """Yield the files of a package's own archive."""
    for member in outer:
        if member.name.startswith(_DATA):
            source = _Source(member.blocks)
            read = ffi.READ_CALLBACK(source.read)
            try:
                with _opened(Package.TAR) as archive:
                    ffi.read_open(archive, None, ffi.NO_OPEN_CB, read, ffi.NO_CLOSE_CB)
                    yield from _members(archive, tally)
            except ArchiveError as error:
                raise source.error or error from None
            return
    raise NotADebugFile(f"The package has no {_DATA}, so there are no files in it.")


class _Source:
    """Hands bytes that come out of one archive to the reader of the one in it."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.error: Exception | None = None
        self._blocks = blocks
        self._block = b""

    def read(self, _archive: int, _context: int, target: int) -> int:
        try:
            self._block = next(self._blocks, b"")
        except (ArchiveError, NotADebugFile) as error:
            # Exceptions do not pass through C.
            self.error = error
            return -1
        cast(target, POINTER(c_char_p))[0] = self._block
        return len(self._block)


@contextmanager
def _opened(kind: Package) -> Iterator[int]:
    formats, compressions = _WAYS[kind]
    with new_archive_read(formats[0], "none") as archive:
        for compression in compressions:
            ffi.get_read_filter_function(compression)(archive)
        yield archive


def _members(archive: int, tally: _Tally) -> Iterator[Member]:
    entry = ffi.entry_new()
    unpacked_bytes = 0
    try:
        while ffi.read_next_header2(archive, entry) != ffi.ARCHIVE_EOF:
            tally.member()
            # What was passed over, in order to come here, was unpacked, too.
            before, unpacked_bytes = unpacked_bytes, ffi.filter_bytes(archive, 0)
            tally.unpacked(unpacked_bytes - before)
            size_bytes = ffi.entry_size(entry)
            if S_ISREG(ffi.entry_filetype(entry)) and size_bytes:
                yield Member(_name(entry), size_bytes, _blocks(archive, tally))
    finally:
        ffi.entry_free(entry)


def _name(entry: int) -> str:
    name: bytes = ffi.entry_pathname(entry) or b""
    return name.decode("utf-8", "replace")


def _blocks(archive: int, tally: _Tally) -> Iterator[bytes]:
    buffer = create_string_buffer(_BLOCK_BYTES)
    # Not the library's own loop: it takes a warning for a number of bytes.
    while size_bytes := ffi.read_data(archive, buffer, _BLOCK_BYTES):
        if size_bytes < 0:
            raise ArchiveError("its content is damaged")
        tally.unpacked(size_bytes)
        yield buffer.raw[:size_bytes]


def _text(error: ArchiveError) -> str:
    words: bytes | str = error.msg or "its bytes make no sense"
    return words if isinstance(words, str) else words.decode("utf-8", "replace")
