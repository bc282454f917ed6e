"""Source bundles: the sources of a program in a zip, behind a header of eight bytes.

A stranger's file, read by the standard library alone: nothing is unpacked but what is
asked for, and never more than the limits here.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from struct import Struct

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.stacks import sources

MEMBERS_LIMIT = 200_000
"""More files than go into the largest programs; a Linux kernel has 30,000."""
DIRECTORY_LIMIT_BYTES = 64 << 20
MANIFEST_LIMIT_BYTES = 64 << 20
SOURCE_LIMIT_BYTES = 16 << 20
"""Of one file. Those that people write have some kB, those of generators some MB."""
PATH_LIMIT = 4096
"""In characters; no system opens a file by a longer path."""
RATIO_LIMIT = 200
"""Sources shrink to a fifth, tables of numbers to a fiftieth; a bomb is at 1,000."""

_HEADER = Struct("<4sI")
_MAGIC = b"SYSB"
_VERSIONS = (1, 2)
_MANIFEST = "manifest.json"
_ENTRY_MAGIC = b"PK\x01\x02"
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# Nobody is bombed with little: short files may shrink as they like.
_HARMLESS_BYTES = 1 << 20
# All that zipfile and json have to say about bytes that are not what they should be;
# nesting without end is a RuntimeError.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


class SourceBundle:
    """The sources in a bundle, found by the path that a compiler wrote down.

    Not to be shared among threads.
    """

    def __init__(self, archive: zipfile.ZipFile, members: Mapping[str, str]) -> None:
        self._archive = archive
        self._members = members

    def __len__(self) -> int:
        return len(self._members)

    @property
    def paths(self) -> list[str]:
        """The paths of all sources, in order."""
        return sorted(self._members)

    def source(self, path: str) -> str | None:
        """Return the text of the source that was compiled from `path`, or None.

        What is not UTF-8 in it is replaced. None, too, for a source that cannot be
        unpacked, or only to more than the limits.
        """
        known = self._known(path)
        if known is None:
            return None
        try:
            content = _unpacked(self._archive, self._members[known], SOURCE_LIMIT_BYTES)
        except _UNREADABLE:
            return None
        return content.decode("utf-8-sig", "replace")

    @cached_property
    def _canonical(self) -> dict[str, str]:
        """The paths by what is the same for all spellings of them."""
        return {sources.canonical_path(p): p for p in reversed(self.paths)}

    @cached_property
    def _folded(self) -> dict[str, str]:
        """The paths by what is the same for those that differ in case, too."""
        folded = sources.case_folded
        return {folded(sources.canonical_path(p)): p for p in reversed(self.paths)}

    def _known(self, path: str) -> str | None:
        if path in self._members:
            return path
        canonical = sources.canonical_path(path)
        exactly = self._canonical.get(canonical)
        if exactly is not None or not sources.ignores_case(canonical):
            return exactly
        return self._folded.get(sources.case_folded(canonical))


@contextmanager
def open_bundle(path: Path) -> Iterator[SourceBundle]:
    """Open the bundle at `path`, for as long as the context lasts.

    Raises:
        NotADebugFile: it is no source bundle, or cannot be read as one.
        OSError: the file cannot be read at all.

    Source: spec/serving 4.6; symbolic-debuginfo/src/sourcebundle.
    """
    with path.open("rb") as file:
        _check_header(file.read(_HEADER.size))
        try:
            archive = zipfile.ZipFile(_Cautious(file))
            members = _members(archive)
        except _UNREADABLE as error:
            text = str(error) or type(error).__name__
            raise NotADebugFile(f"This source bundle is damaged: {text}") from error
        with archive:
            yield SourceBundle(archive, members)


class _Cautious(io.RawIOBase):
    """A file of which nobody takes more in one bite than a zip's directory may have."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._end = file.seek(0, io.SEEK_END)

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if offset < 0 and whence == io.SEEK_SET:
            raise zipfile.BadZipFile("a file before the beginning")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        rest = max(self._end - self._file.tell(), 0)
        bite = rest if size < 0 else min(size, rest)
        if bite > DIRECTORY_LIMIT_BYTES:
            raise zipfile.BadZipFile(f"a directory of {bite} bytes")
        content = self._file.read(bite)
        count = content.count(_ENTRY_MAGIC)
        if count > MEMBERS_LIMIT:
            raise zipfile.BadZipFile(f"a directory of {count} files")
        return content


def _check_header(head: bytes) -> None:
    if len(head) < _HEADER.size or not head.startswith(_MAGIC):
        raise NotADebugFile("This file is not a source bundle.")
    version = _HEADER.unpack(head)[1]
    if version not in _VERSIONS:
        raise NotADebugFile(f"Source bundles of version {version} are not known.")


def _members(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return which member has the source of which path, from the manifest.

    What it says of members that are not there is left out, however much that is.
    Bundles of JVM sources name them by `url`, such as `~/com/example/Main.jvm`.
    """
    manifest = json.loads(_unpacked(archive, _MANIFEST, MANIFEST_LIMIT_BYTES))
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict):
        raise zipfile.BadZipFile("its manifest names no files")
    there = set(archive.namelist())
    members: dict[str, str] = {}
    for member, said in ((m, said) for m, said in files.items() if m in there):
        if isinstance(said, dict) and said.get("type") == "source":
            for key in ("path", "url"):
                name = said.get(key)
                if isinstance(name, str) and 0 < len(name) <= PATH_LIMIT:
                    members.setdefault(name, member)
    return members


def _unpacked(archive: zipfile.ZipFile, member: str, limit_bytes: int) -> bytes:
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise zipfile.BadZipFile(f"{member} is not there") from None
    if info.compress_type not in _METHODS:
        raise zipfile.BadZipFile(f"{member} is compressed in an unusual way")
    if info.file_size > limit_bytes:
        raise zipfile.BadZipFile(f"{member} would unpack to {info.file_size} bytes")
    if info.file_size > max(_HARMLESS_BYTES, RATIO_LIMIT * info.compress_size):
        raise zipfile.BadZipFile(f"{member} would unpack to too many times its size")
    with archive.open(info) as file:
        return file.read(info.file_size)
