"""Takes files out of packages and other archives, one after the other.

What it is handed comes from strangers and is parsed by a library in C, which may end
the process that reads it: it is called in children of `sandbox` alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, Array, c_char, c_char_p, cast, create_string_buffer
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
from symdepot.domain.formats.file_type import ArchiveKind

_BLOCK_BYTES = 256 * 1024
_COMPRESSIONS = ("gzip", "bzip2", "lzma", "xz", "zstd")
_WAYS = {
    ArchiveKind.CABINET: ("cab", ()),
    ArchiveKind.DEB: ("ar", ()),
    ArchiveKind.RPM: ("cpio", ("rpm", *_COMPRESSIONS)),
    ArchiveKind.TAR: ("tar", _COMPRESSIONS),
    ArchiveKind.ZIP: ("zip", ()),
}
"""Which format and which compressions of libarchive's may be needed for each.

None of those for which it would start a program.
"""
_DATA = "data.tar"


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much may come out of one archive of `packed_bytes`."""

    packed_bytes: int
    members: int = 200_000
    free_bytes: int = 64 * 1024 * 1024
    expansion: int = 200


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """A file in an archive: what it is called there, how large it says it is.

    Its bytes can be read until the next member is asked for, or not at all.
    """

    name: str
    promised_bytes: int
    blocks: Iterator[bytes]


def members(
    fd: int, kind: ArchiveKind, bounds: ArchiveLimits
) -> Iterator[ArchiveMember]:
    """Yield the files in the archive that is open as `fd`, but no empty ones.

    Raises:
        NotADebugFile: it cannot be read to the end, or holds more than `bounds`; the
            text says what is wrong with it.

    Source: deb(5): the files are in a member `data.tar`, however it is compressed.
    """
    tally = _Tally(bounds)
    with _opened(kind) as pointer:
        archive = _Archive(pointer, tally)
        with archive.being_read():
            ffi.read_open_fd(pointer, fd, _BLOCK_BYTES)
        if kind is ArchiveKind.DEB:
            yield from _inner(archive, tally)
        else:
            yield from archive.members()


class _Tally:
    """Counts what comes out of an archive, and says when it is too much."""

    def __init__(self, bounds: ArchiveLimits) -> None:
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


class _Source:
    """Hands bytes that come out of one archive to the reader of the one in it."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.error: NotADebugFile | None = None
        self._blocks = blocks
        self._block = b""

    def read(self, _archive: int, _context: int, target: int) -> int:
        try:
            self._block = next(self._blocks, b"")
        except NotADebugFile as error:
            # Exceptions do not pass through C.
            self.error = error
            return -1
        cast(target, POINTER(c_char_p))[0] = self._block
        return len(self._block)


class _Archive:
    """An open archive of libarchive's."""

    def __init__(
        self, pointer: int, tally: _Tally, source: _Source | None = None
    ) -> None:
        self._pointer = pointer
        self._tally = tally
        self._source = source

    @contextmanager
    def being_read(self) -> Iterator[None]:
        """Say in our words what is wrong, first with what this archive lies in."""
        try:
            yield
        except ArchiveError as error:
            cause = self._source.error if self._source else None
            raise cause or NotADebugFile(
                f"The archive cannot be read: {_text(error)}."
            ) from error

    def members(self) -> Iterator[ArchiveMember]:
        entry = ffi.entry_new()
        unpacked_bytes = 0
        try:
            while self._is_another(entry):
                self._tally.member()
                # What was passed over, in order to come here, was unpacked, too.
                before = unpacked_bytes
                unpacked_bytes = ffi.filter_bytes(self._pointer, 0)
                self._tally.unpacked(unpacked_bytes - before)
                size_bytes = ffi.entry_size(entry)
                if S_ISREG(ffi.entry_filetype(entry)) and size_bytes:
                    yield ArchiveMember(_name(entry), size_bytes, self._blocks())
        finally:
            ffi.entry_free(entry)

    def _is_another(self, entry: int) -> bool:
        with self.being_read():
            return bool(ffi.read_next_header2(self._pointer, entry) != ffi.ARCHIVE_EOF)

    def _blocks(self) -> Iterator[bytes]:
        buffer = create_string_buffer(_BLOCK_BYTES)
        while size_bytes := self._read_into(buffer):
            self._tally.unpacked(size_bytes)
            yield buffer.raw[:size_bytes]

    def _read_into(self, buffer: "Array[c_char]") -> int:
        # Not the library's own loop: it takes a warning for a number of bytes.
        with self.being_read():
            size_bytes: int = ffi.read_data(self._pointer, buffer, _BLOCK_BYTES)
            if size_bytes < 0:
                raise ArchiveError("its content is damaged")
            return size_bytes


def _inner(outer: _Archive, tally: _Tally) -> Iterator[ArchiveMember]:
    """Yield the files of a package's own archive."""
    for member in outer.members():
        if member.name.startswith(_DATA):
            source = _Source(member.blocks)
            read = ffi.READ_CALLBACK(source.read)
            with _opened(ArchiveKind.TAR) as pointer:
                inner = _Archive(pointer, tally, source)
                with inner.being_read():
                    ffi.read_open(pointer, None, ffi.NO_OPEN_CB, read, ffi.NO_CLOSE_CB)
                yield from inner.members()
            return
    raise NotADebugFile(f"The package has no {_DATA}, so there are no files in it.")


@contextmanager
def _opened(kind: ArchiveKind) -> Iterator[int]:
    form, compressions = _WAYS[kind]
    with new_archive_read(form, "none") as pointer:
        for compression in compressions:
            ffi.get_read_filter_function(compression)(pointer)
        yield pointer


def _name(entry: int) -> str:
    name: bytes = ffi.entry_pathname(entry) or b""
    return name.decode("utf-8", "replace")


def _text(error: ArchiveError) -> str:
    words: bytes | str = error.msg or "its bytes make no sense"
    return words if isinstance(words, str) else words.decode("utf-8", "replace")
