"""Takes in the debug files that lie on this machine, as if each had been uploaded.

A file is inspected where it lies, then cut into the store, then entered: the same story
as of an upload, but nothing travels. Of packages, each file in them in its turn. What a
file held is noted, so that whoever is broken off, or called again, reads nothing twice.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import batched
from pathlib import Path

from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import project_files
from symdepot.domain import objects
from symdepot.domain.errors import (
    ChunksMissing,
    FileTooLarge,
    NotADebugFile,
    ParserDied,
    Refused,
    SandboxUnavailable,
    StorageUnavailable,
)
from symdepot.domain.formats import client_metadata, file_type
from symdepot.domain.formats.file_type import ArchiveKind
from symdepot.domain.ids import Checksum
from symdepot.domain.objects import ObjectFile
from symdepot.pipeline import intake, steps, tasks
from symdepot.pipeline.bulk_import import file_walk, resume_db
from symdepot.pipeline.bulk_import.file_walk import UnreadablePath, WalkedFile
from symdepot.pipeline.bulk_import.resume_db import ResumeDatabase
from symdepot.projects.models import Project
from symdepot.sandbox import archive_reader
from symdepot.sandbox.archive_reader import ExtractedFile, SkippedFile
from symdepot.symcaches import creation
from symdepot.uploads import chunks, file_splitter
from symdepot.uploads.scratch import scratch_file

_FILES_AT_ONCE = 50
_CHECKSUMS_AT_ONCE = 5000
_NO_LIBRARY = (
    "{} is an archive, and libarchive, which reads those, is not on this machine. "
    "Install Debian's package libarchive13 (libarchive13t64 from Debian 13 on)."
)


class ImportStatus(StrEnum):
    """What becomes of a file."""

    IMPORTED = "imported"
    HERE = "here"
    PASSED = "passed over"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What became of a file, or of one in it; of what is a debug file, its checksum."""

    fate: ImportStatus
    name: str
    why: str = ""
    size_bytes: int = 0
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class FileDone:
    """A file that was found is worked through, whatever became of it."""

    size_bytes: int


def import_files(
    project: Project, paths: Iterable[Path], *, by: str, is_trial: bool = False
) -> Iterator[ImportedFile | FileDone]:
    """Take the debug files at and below `paths` into `project`; tell what becomes of each.

    A file that cannot be taken is told of, and the next one is looked at. In a trial,
    everything is read and nothing is kept or noted.

    Raises:
        QuotaExceeded: the organization has no room for what comes next.
        StorageUnavailable, SandboxUnavailable: the same goes on in a moment, or when
            what is said to be missing is there.
    """
    with resume_db.open_database(settings.DATA_DIR) as notes:
        taker = _Taker(project, notes, by=by, is_trial=is_trial)
        for some in batched(file_walk.walk(paths), _FILES_AT_ONCE):
            yield from taker.take_in(some)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file to be taken in: where it lies, how it is called, and to people."""

    path: Path
    name: str
    shown: str
    found: WalkedFile | None = None

    def told(self, fate: ImportStatus, why: str = "") -> ImportedFile:
        return ImportedFile(fate, self.shown, why)


class _Taker:
    """Takes files into one project."""

    def __init__(
        self, project: Project, notes: ResumeDatabase, *, by: str, is_trial: bool
    ) -> None:
        self._project = project
        self._notes = notes
        self._by = by
        self._is_trial = is_trial
        self._entered: list[int] = []
        self._foreseen: set[Checksum] = set()

    def take_in(
        self, some: Sequence[WalkedFile | UnreadablePath]
    ) -> Iterator[ImportedFile | FileDone]:
        noted = {
            one: self._notes.recall(one) for one in some if isinstance(one, WalkedFile)
        }
        here = self._here({c for inside in noted.values() for c in inside or ()})
        try:
            for one in some:
                if isinstance(one, UnreadablePath):
                    yield ImportedFile(ImportStatus.FAILED, str(one.path), one.why)
                    continue
                inside = noted[one]
                if inside is None or not here.issuperset(inside):
                    yield from self._take(one)
                else:
                    yield from _known(one, inside)
                yield FileDone(one.size_bytes)
        finally:
            tasks.enqueue_symcaches(creation.queued_sizes(self._entered))
            self._entered.clear()

    def _take(self, found: WalkedFile) -> Iterator[ImportedFile]:
        """Read a file, and note what is in it unless something is wrong with it."""
        inside, is_sound = [], True
        for told in self._read(found):
            inside += [told.checksum] if told.checksum else []
            is_sound &= told.fate is not ImportStatus.FAILED
            yield told
        if is_sound and not self._is_trial:
            self._notes.note(found, inside)

    def _read(self, found: WalkedFile) -> Iterator[ImportedFile]:
        # Names may be of any bytes, and rows are not.
        name = os.fsencode(found.path).decode("utf-8", "replace")
        source = _Source(found.path, name[-settings.MAX_NAME_LENGTH :], name, found)
        try:
            head = _head(found)
            if kind := file_type.archive_kind(head, name):
                yield from self._unpack(source, kind)
            elif file_type.may_be_debug_file(head, name):
                yield from self._take_whole(source)
            else:
                yield source.told(
                    ImportStatus.PASSED, "It does not look like a debug file."
                )
        except OSError as error:
            yield source.told(
                ImportStatus.FAILED, f"It cannot be read: {error.strerror}."
            )

    def _unpack(self, source: _Source, kind: ArchiveKind) -> Iterator[ImportedFile]:
        if not archive_reader.is_available():
            raise SandboxUnavailable(_NO_LIBRARY.format(source.shown))
        is_empty = True
        try:
            with closing(
                archive_reader.extract(
                    source.path, kind, member_bytes=settings.MAX_FILE_SIZE
                )
            ) as members:
                for member in members:
                    is_empty = False
                    yield from self._take_member(source, member)
        except (NotADebugFile, ParserDied) as error:
            yield source.told(ImportStatus.FAILED, str(error))
            return
        if is_empty:
            yield source.told(
                ImportStatus.PASSED, "Nothing in it looks like a debug file."
            )

    def _take_member(
        self, package: _Source, member: ExtractedFile | SkippedFile
    ) -> Iterator[ImportedFile]:
        shown = f"{package.shown}: {member.name}"
        if isinstance(member, SkippedFile):
            yield ImportedFile(ImportStatus.FAILED, shown, member.why)
            return
        with scratch_file(settings.SCRATCH_DIR, prefix="unpacked-") as path:
            with path.open("wb") as copy:
                copy.writelines(member.blocks)
            name = member.name[-settings.MAX_NAME_LENGTH :]
            yield from self._take_whole(_Source(path, name, shown))

    def _take_whole(self, source: _Source) -> Iterator[ImportedFile]:
        with _plainly_named(source.path) as path:
            for thin in file_splitter.thin_files(path, settings.SCRATCH_DIR):
                yield self._take_thin(thin, source)

    def _take_thin(self, thin: Path, source: _Source) -> ImportedFile:
        try:
            _check_size(thin, source.name)
            inside = steps.inspect_file(thin, name=source.name)
        except (Refused, SandboxUnavailable) as error:
            return source.told(ImportStatus.FAILED, str(error))
        try:
            claim = client_metadata.id_from_name(source.name)
            found = objects.require_findable(
                client_metadata.with_claimed_id(inside, claim)
            )
        except NotADebugFile as error:
            return source.told(ImportStatus.PASSED, str(error))
        keep = partial(self._foresee if self._is_trial else self._enter, thin, source)
        try:
            return keep(found)
        except (StorageUnavailable, ChunksMissing):
            # What was here a moment ago may just have been freed.
            return keep(found)

    def _enter(self, thin: Path, source: _Source, found: ObjectFile) -> ImportedFile:
        cut = file_splitter.split(
            thin, blob_store(), chunk_bytes=settings.CHUNK_SIZE, is_stored=self._is_kept
        )
        if source.found and not file_walk.is_unchanged(source.found):
            return source.told(ImportStatus.FAILED, "It changed while it was read.")
        fate = ImportStatus.HERE
        if not self._is_here(cut.checksum, found):
            intake.accept_chunks(self._project.organization, cut.sizes)
            row = steps.register_file(self._project, cut, found, by=self._by)
            self._entered.append(row.file_id)
            fate = ImportStatus.IMPORTED
        return ImportedFile(fate, source.shown, "", cut.size_bytes, cut.checksum)

    def _foresee(self, thin: Path, source: _Source, found: ObjectFile) -> ImportedFile:
        with thin.open("rb", buffering=0) as content:
            checksum = Checksum(hashlib.file_digest(content, "sha1").hexdigest())
        is_here = checksum in self._foreseen or self._is_here(checksum, found)
        self._foreseen.add(checksum)
        fate = ImportStatus.HERE if is_here else ImportStatus.IMPORTED
        return ImportedFile(fate, source.shown, "", thin.stat().st_size, checksum)

    def _here(self, checksums: Iterable[Checksum]) -> set[Checksum]:
        """Return those that are the project's debug files; a package may have many."""
        return {
            found
            for some in batched(checksums, _CHECKSUMS_AT_ONCE)
            for found in project_files.by_checksums(self._project, some)
        }

    def _is_kept(self, chunk: Checksum) -> bool:
        owned = chunks.owned_sizes(self._project.organization, [chunk])
        return bool(owned) and chunk in blob_store()

    def _is_here(self, checksum: Checksum, found: ObjectFile) -> bool:
        rows = project_files.all_by_checksums(self._project, [checksum]).get(
            checksum, []
        )
        same = (str(found.debug_id), found.arch)
        return any((row.debug_id, row.arch) == same for row in rows)


def _known(found: WalkedFile, inside: Sequence[Checksum]) -> Iterator[ImportedFile]:
    """Tell of a file that nobody needs to read."""
    name = str(found.path)
    if not inside:
        yield ImportedFile(
            ImportStatus.PASSED, name, "It was no debug file when it was read."
        )
    for checksum in inside:
        yield ImportedFile(ImportStatus.HERE, name, checksum=checksum)


@contextmanager
def _plainly_named(path: Path) -> Iterator[Path]:
    """Lend a way to the file at `path` that is UTF-8: symbolic opens no other."""
    if str(path).isprintable():
        yield path
        return
    with scratch_file(settings.SCRATCH_DIR, prefix="link-") as link:
        link.unlink()
        link.symlink_to(path)
        yield link


def _head(found: WalkedFile) -> bytes:
    if not found.size_bytes:
        return b""
    with found.path.open("rb", buffering=0) as file:
        return file.read(file_type.HEAD_BYTES)


def _check_size(path: Path, name: str) -> None:
    size_bytes, limit_bytes = path.stat().st_size, settings.MAX_FILE_SIZE
    if size_bytes > limit_bytes:
        raise FileTooLarge(name=name, size_bytes=size_bytes, limit_bytes=limit_bytes)
