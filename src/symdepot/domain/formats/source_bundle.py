"""Reads source bundles: the sources of a program in a zip, after a header of 8 bytes.

Bundles come from strangers. The standard library reads them; only requested members are
decompressed, and never more than the limits here.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from struct import Struct

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats.archive_limits import SOURCE_BUNDLES, BoundedFile
from symdepot.domain.stacks import sources

LIMITS = SOURCE_BUNDLES
MAX_DIRECTORY_BYTES = 64 << 20
MAX_MANIFEST_BYTES = 64 << 20
MAX_SOURCE_BYTES = 16 << 20
"""Of one file. People write files of some kB, generators of some MB."""
MAX_PATH_LENGTH = 4096
"""In characters; no system opens a longer path."""

_HEADER = Struct("<4sI")
_MAGIC = b"SYSB"
_VERSIONS = (1, 2)
_MANIFEST = "manifest.json"
_ENTRY_MAGIC = b"PK\x01\x02"
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# All errors of zipfile and json for malformed input; too deep nesting is a RuntimeError.
_FORMAT_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


class SourceBundle:
    """The sources in a bundle, by the path that a compiler wrote. Not thread-safe."""

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
        """Return the text of the source compiled from `path`, or None.

        Invalid UTF-8 is replaced. None, too, for a damaged source, and for one that
        exceeds the limits.
        """
        known = self._find(path)
        if known is None:
            return None
        try:
            content = _extract(self._archive, self._members[known], MAX_SOURCE_BYTES)
        except _FORMAT_ERRORS:
            return None
        return content.decode("utf-8-sig", "replace")

    @cached_property
    def _canonical(self) -> dict[str, str]:
        """Paths by their canonical spelling."""
        return {sources.canonical_path(p): p for p in reversed(self.paths)}

    @cached_property
    def _folded(self) -> dict[str, str]:
        """Paths by their canonical spelling without regard to case."""
        paths = reversed(self.paths)
        return {sources.canonical_path(path).casefold(): path for path in paths}

    def _find(self, path: str) -> str | None:
        if path in self._members:
            return path
        canonical = sources.canonical_path(path)
        exact = self._canonical.get(canonical)
        if exact is not None or not sources.ignores_case(canonical):
            return exact
        return self._folded.get(canonical.casefold())


@contextmanager
def open_bundle(path: Path) -> Iterator[SourceBundle]:
    """Open the bundle at `path` for the duration of the context.

    Raises:
        NotADebugFile: it is not a source bundle, or damaged.
        OSError: the file cannot be read.

    Source: spec/serving 4.6; symbolic-debuginfo/src/sourcebundle.
    """
    with path.open("rb") as file:
        _check_header(file.read(_HEADER.size))
        try:
            archive = zipfile.ZipFile(_CountedFile(file, MAX_DIRECTORY_BYTES))
            members = _members(archive)
        except _FORMAT_ERRORS as error:
            text = str(error) or type(error).__name__
            raise NotADebugFile(f"This source bundle is damaged: {text}") from error
        with archive:
            yield SourceBundle(archive, members)


class _CountedFile(BoundedFile):
    """A file that refuses reads of more than the largest zip directory."""

    def read(self, size: int = -1) -> bytes:
        content = super().read(size)
        count = content.count(_ENTRY_MAGIC)
        if count > LIMITS.max_members:
            raise zipfile.BadZipFile(f"a directory of {count} files")
        return content


def _check_header(head: bytes) -> None:
    if len(head) < _HEADER.size or not head.startswith(_MAGIC):
        raise NotADebugFile("This file is not a source bundle.")
    version = _HEADER.unpack(head)[1]
    if version not in _VERSIONS:
        raise NotADebugFile(f"Source bundles of version {version} are not known.")


def _members(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the members by the paths of their sources, from the manifest.

    Skips entries of missing members. Bundles of JVM sources name them by `url`, such as
    `~/com/example/Main.jvm`.
    """
    manifest = json.loads(_extract(archive, _MANIFEST, MAX_MANIFEST_BYTES))
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict):
        raise zipfile.BadZipFile("its manifest names no files")
    names = set(archive.namelist())
    members: dict[str, str] = {}
    for member, entry in ((m, entry) for m, entry in files.items() if m in names):
        if isinstance(entry, dict) and entry.get("type") == "source":
            for key in ("path", "url"):
                path = entry.get(key)
                if isinstance(path, str) and 0 < len(path) <= MAX_PATH_LENGTH:
                    members.setdefault(path, member)
    return members


def _extract(archive: zipfile.ZipFile, member: str, limit_bytes: int) -> bytes:
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise zipfile.BadZipFile(f"{member} is not there") from None
    if info.compress_type not in _METHODS:
        raise zipfile.BadZipFile(f"{member} is compressed in an unusual way")
    if info.file_size > limit_bytes:
        raise zipfile.BadZipFile(f"{member} would unpack to {info.file_size} bytes")
    if info.file_size > max(LIMITS.free_bytes, LIMITS.max_ratio * info.compress_size):
        raise zipfile.BadZipFile(f"{member} would unpack to too many times its size")
    with archive.open(info) as file:
        return file.read(info.file_size)
