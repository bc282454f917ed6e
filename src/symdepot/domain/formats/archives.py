"""Extracts files from packages and other archives, one after the other, with libarchive.

Archives of strangers may crash the parser, so only children of `sandbox` call this.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, Array, c_char, c_char_p, cast, create_string_buffer
from dataclasses import dataclass
from stat import S_ISREG

try:
    from libarchive import ffi  # type: ignore[import-untyped] # untyped
    from libarchive.exception import ArchiveError  # type: ignore[import-untyped]
    from libarchive.read import new_archive_read  # type: ignore[import-untyped]
except (OSError, AttributeError) as error:
    # Without the library, ctypes looks for its functions in the program itself.
    raise ImportError("the shared library libarchive is not there") from error

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats.archive_limits import PACKAGES, ArchiveLimits
from symdepot.domain.formats.file_type import ArchiveKind

_BLOCK_BYTES = 256 * 1024
_COMPRESSIONS = ("gzip", "bzip2", "lzma", "xz", "zstd")
_LIBARCHIVE_FORMATS = {
    ArchiveKind.CABINET: ("cab", ()),
    ArchiveKind.DEB: ("ar", ()),
    ArchiveKind.RPM: ("cpio", ("rpm", *_COMPRESSIONS)),
    ArchiveKind.TAR: ("tar", _COMPRESSIONS),
    ArchiveKind.ZIP: ("zip", ()),
}
"""The formats and compressions to enable: none for which libarchive starts a program."""
_DEB_DATA = "data.tar"


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """A file in an archive, with its claimed size.

    `blocks` can be read until the next member is requested, or not at all.
    """

    name: str
    claimed_bytes: int
    blocks: Iterator[bytes]


def members(fd: int, kind: ArchiveKind, packed_bytes: int) -> Iterator[ArchiveMember]:
    """Yield the files in the archive of `packed_bytes` that is open as `fd`.

    Skips empty files.

    Raises:
        NotADebugFile: the archive is damaged, or exceeds the limits.

    Source: deb(5): the files are in a member `data.tar`, compressed in any way.
    """
    budget = _Budget(packed_bytes, PACKAGES)
    with _open(kind) as pointer:
        archive = _Archive(pointer, budget)
        with archive.translated_errors():
            ffi.read_open_fd(pointer, fd, _BLOCK_BYTES)
        if kind is ArchiveKind.DEB:
            yield from _members_of_deb(archive, budget)
        else:
            yield from archive.members()


class _Budget:
    """Counts members and bytes, and raises at the limits."""

    def __init__(self, packed_bytes: int, limits: ArchiveLimits) -> None:
        self._members_left = limits.max_members
        self._bytes_left = limits.max_bytes(packed_bytes)

    def add_member(self) -> None:
        self._members_left -= 1
        if self._members_left < 0:
            raise NotADebugFile("The archive has too many files.")

    def add_bytes(self, size_bytes: int) -> None:
        self._bytes_left -= size_bytes
        if self._bytes_left < 0:
            raise NotADebugFile("The archive expands beyond all measure.")


class _Source:
    """Passes bytes of a member to the reader of the archive in it."""

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
    """An open archive."""

    def __init__(
        self, pointer: int, budget: _Budget, source: _Source | None = None
    ) -> None:
        self._pointer = pointer
        self._budget = budget
        self._source = source

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Translate errors; an error of the outer archive comes first."""
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
            while self._read_header(entry):
                self._budget.add_member()
                # Members that were skipped were decompressed, too.
                before = unpacked_bytes
                unpacked_bytes = ffi.filter_bytes(self._pointer, 0)
                self._budget.add_bytes(unpacked_bytes - before)
                size_bytes = ffi.entry_size(entry)
                if S_ISREG(ffi.entry_filetype(entry)) and size_bytes:
                    yield ArchiveMember(_name(entry), size_bytes, self._blocks())
        finally:
            ffi.entry_free(entry)

    def _read_header(self, entry: int) -> bool:
        with self.translated_errors():
            return bool(ffi.read_next_header2(self._pointer, entry) != ffi.ARCHIVE_EOF)

    def _blocks(self) -> Iterator[bytes]:
        buffer = create_string_buffer(_BLOCK_BYTES)
        while size_bytes := self._read_into(buffer):
            self._budget.add_bytes(size_bytes)
            yield buffer.raw[:size_bytes]

    def _read_into(self, buffer: "Array[c_char]") -> int:
        # Not the loop of the Python library: it takes a warning for a number of bytes.
        with self.translated_errors():
            size_bytes: int = ffi.read_data(self._pointer, buffer, _BLOCK_BYTES)
            if size_bytes < 0:
                raise ArchiveError("its content is damaged")
            return size_bytes


def _members_of_deb(outer: _Archive, budget: _Budget) -> Iterator[ArchiveMember]:
    """Yield the files of the archive in a package."""
    for member in outer.members():
        if member.name.startswith(_DEB_DATA):
            source = _Source(member.blocks)
            read = ffi.READ_CALLBACK(source.read)
            with _open(ArchiveKind.TAR) as pointer:
                inner = _Archive(pointer, budget, source)
                with inner.translated_errors():
                    ffi.read_open(pointer, None, ffi.NO_OPEN_CB, read, ffi.NO_CLOSE_CB)
                yield from inner.members()
            return
    raise NotADebugFile(f"The package has no {_DEB_DATA}, so there are no files in it.")


@contextmanager
def _open(kind: ArchiveKind) -> Iterator[int]:
    form, compressions = _LIBARCHIVE_FORMATS[kind]
    with new_archive_read(form, "none") as pointer:
        for compression in compressions:
            ffi.get_read_filter_function(compression)(pointer)
        yield pointer


def _name(entry: int) -> str:
    name: bytes = ffi.entry_pathname(entry) or b""
    return name.decode("utf-8", "replace")


def _text(error: ArchiveError) -> str:
    message: bytes | str = error.msg or "its bytes make no sense"
    return message if isinstance(message, str) else message.decode("utf-8", "replace")
