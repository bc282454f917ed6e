"""Import the debug files on this machine, as if each had been uploaded.

A file is inspected in place, split into the store, then entered, as an upload is. Of
packages, each file in them. What each file contained is recorded in the resume database,
so that an import that was interrupted or runs again reads no file twice.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
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
from symdepot.pipeline import steps, upload_requests
from symdepot.pipeline.bulk_import import file_walk, resume_db
from symdepot.pipeline.bulk_import.file_walk import UnreadablePath, WalkedFile
from symdepot.pipeline.bulk_import.resume_db import ResumeDatabase
from symdepot.pipeline.progress_callback import Progress, no_progress
from symdepot.projects.models import Project
from symdepot.sandbox import archive_reader
from symdepot.sandbox.archive_reader import ExtractedFile, SkippedFile
from symdepot.uploads import chunks, file_splitter
from symdepot.uploads.scratch import scratch_file

_FILES_PER_BATCH = 50
_CHECKSUMS_PER_QUERY = 5000
_NO_LIBRARY = (
    "{} is an archive, and libarchive, which reads those, is not on this machine. "
    "Install Debian's package libarchive13 (libarchive13t64 from Debian 13 on)."
)


class ImportStatus(StrEnum):
    """The result for one file."""

    IMPORTED = "imported"
    PRESENT = "present"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """The result for a file, or for one in it. `checksum` is None if not a debug file."""

    status: ImportStatus
    name: str
    reason: str = ""
    size_bytes: int = 0
    checksum: Checksum | None = None


def import_files(
    project: Project,
    paths: Iterable[Path],
    *,
    by: str,
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> Iterator[ImportedFile]:
    """Import the debug files at and below `paths`; yield the result for each file.

    A file that fails does not end the import. A dry run reads everything and stores
    nothing. `progress` is called after each file that was found.

    Raises:
        QuotaExceeded: the organization has no room for the next file.
        StorageUnavailable, SandboxUnavailable: the store or the sandbox does not work.
    """
    blob_store().require_known()
    with resume_db.open_database(settings.DATA_DIR) as database:
        importer = _Importer(project, database, by, dry_run)
        for batch in batched(file_walk.walk(paths), _FILES_PER_BATCH):
            yield from importer.import_batch(batch, progress)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file to import: its path, its name for the server, and its name for users."""

    path: Path
    name: str
    shown_name: str
    found: WalkedFile | None = None

    def skipped(self, reason: str) -> ImportedFile:
        return ImportedFile(ImportStatus.SKIPPED, self.shown_name, reason)

    def failed(self, reason: str) -> ImportedFile:
        return ImportedFile(ImportStatus.FAILED, self.shown_name, reason)


@dataclass(slots=True)
class _Importer:
    """Imports files into one project."""

    project: Project
    database: ResumeDatabase
    by: str
    dry_run: bool
    previewed: set[Checksum] = field(default_factory=set)

    def import_batch(
        self, batch: Sequence[WalkedFile | UnreadablePath], progress: Progress
    ) -> Iterator[ImportedFile]:
        files = [file for file in batch if isinstance(file, WalkedFile)]
        recorded = {file: self.database.get(file) for file in files}
        present = self._present({c for known in recorded.values() for c in known or ()})
        for file in batch:
            if isinstance(file, UnreadablePath):
                yield ImportedFile(ImportStatus.FAILED, str(file.path), file.reason)
                continue
            known = recorded[file]
            if known is None or not present.issuperset(known):
                yield from self._import_file(file)
            else:
                yield from _recorded_results(file, known)
            progress("files", 1, file.size_bytes)

    def _import_file(self, file: WalkedFile) -> Iterator[ImportedFile]:
        """Read a file, and record what is in it unless a part of it failed."""
        checksums, has_failed = [], False
        for result in self._read(file):
            checksums += [result.checksum] if result.checksum else []
            has_failed |= result.status is ImportStatus.FAILED
            yield result
        if not has_failed and not self.dry_run:
            self.database.put(file, checksums)

    def _read(self, file: WalkedFile) -> Iterator[ImportedFile]:
        # Paths are arbitrary bytes; names in the database are not.
        name = os.fsencode(file.path).decode("utf-8", "replace")
        candidate = _Candidate(file.path, name[-settings.MAX_NAME_LENGTH :], name, file)
        try:
            head = _head(file)
            if kind := file_type.archive_kind(head, name):
                yield from self._import_archive(candidate, kind)
            elif file_type.may_be_debug_file(head, name):
                yield from self._import_whole(candidate)
            else:
                yield candidate.skipped("It does not look like a debug file.")
        except OSError as error:
            yield candidate.failed(f"It cannot be read: {error.strerror}.")

    def _import_archive(
        self, archive: _Candidate, kind: ArchiveKind
    ) -> Iterator[ImportedFile]:
        if not archive_reader.is_available():
            raise SandboxUnavailable(_NO_LIBRARY.format(archive.shown_name))
        is_empty = True
        try:
            limit = settings.MAX_FILE_SIZE
            members = archive_reader.extract(archive.path, kind, member_bytes=limit)
            with closing(members):
                for member in members:
                    is_empty = False
                    yield from self._import_member(archive, member)
        except (NotADebugFile, ParserDied) as error:
            yield archive.failed(str(error))
            return
        if is_empty:
            yield archive.skipped("Nothing in it looks like a debug file.")

    def _import_member(
        self, archive: _Candidate, member: ExtractedFile | SkippedFile
    ) -> Iterator[ImportedFile]:
        shown_name = f"{archive.shown_name}: {member.name}"
        if isinstance(member, SkippedFile):
            yield ImportedFile(ImportStatus.FAILED, shown_name, member.why)
            return
        with scratch_file(settings.SCRATCH_DIR, prefix="unpacked-") as path:
            with path.open("wb") as copy:
                copy.writelines(member.blocks)
            name = member.name[-settings.MAX_NAME_LENGTH :]
            yield from self._import_whole(_Candidate(path, name, shown_name))

    def _import_whole(self, candidate: _Candidate) -> Iterator[ImportedFile]:
        with _utf8_path(candidate.path) as path:
            for thin in file_splitter.thin_files(path, settings.SCRATCH_DIR):
                yield self._import_thin(thin, candidate)

    def _import_thin(self, thin: Path, candidate: _Candidate) -> ImportedFile:
        """Import a file for one architecture: `candidate`, or a slice of it."""
        try:
            steps.check_size(candidate.name, thin.stat().st_size)
            inside = steps.inspect_file(thin, name=candidate.name)
        except (Refused, SandboxUnavailable) as error:
            return candidate.failed(str(error))
        try:
            claim = client_metadata.id_from_name(candidate.name)
            identified = client_metadata.with_claimed_id(inside, claim)
            found = objects.require_findable(identified)
        except NotADebugFile as error:
            return candidate.skipped(str(error))
        store = self._preview if self.dry_run else self._store
        attempt = partial(store, thin, candidate, found)
        try:
            return attempt()
        except (StorageUnavailable, ChunksMissing):
            # Chunks that existed a moment ago may have just been freed.
            return attempt()

    def _store(
        self, thin: Path, candidate: _Candidate, found: ObjectFile
    ) -> ImportedFile:
        split = file_splitter.split(
            thin,
            blob_store(),
            chunk_bytes=settings.CHUNK_SIZE,
            is_stored=self._is_stored,
        )
        if candidate.found and not file_walk.is_unchanged(candidate.found):
            return candidate.failed("It changed while it was read.")
        status = ImportStatus.PRESENT
        if not self._is_present(split.checksum, found):
            upload_requests.accept_chunks(self.project.organization, split.sizes)
            steps.register_file(self.project, split, found, by=self.by)
            status = ImportStatus.IMPORTED
        return ImportedFile(
            status, candidate.shown_name, "", split.size_bytes, split.checksum
        )

    def _preview(
        self, thin: Path, candidate: _Candidate, found: ObjectFile
    ) -> ImportedFile:
        with thin.open("rb", buffering=0) as content:
            checksum = Checksum(hashlib.file_digest(content, "sha1").hexdigest())
        is_present = checksum in self.previewed or self._is_present(checksum, found)
        self.previewed.add(checksum)
        status = ImportStatus.PRESENT if is_present else ImportStatus.IMPORTED
        size_bytes = thin.stat().st_size
        return ImportedFile(status, candidate.shown_name, "", size_bytes, checksum)

    def _present(self, checksums: Iterable[Checksum]) -> set[Checksum]:
        """Return those that are debug files of the project."""
        return {
            found
            for batch in batched(checksums, _CHECKSUMS_PER_QUERY)
            for found in project_files.by_checksums(self.project, batch)
        }

    def _is_present(self, checksum: Checksum, found: ObjectFile) -> bool:
        rows = project_files.all_by_checksums(self.project, [checksum])
        wanted = (str(found.debug_id), found.arch)
        return any((row.debug_id, row.arch) == wanted for row in rows.get(checksum, []))

    def _is_stored(self, chunk: Checksum) -> bool:
        owned = chunks.owned_sizes(self.project.organization, [chunk])
        return bool(owned) and chunk in blob_store()


def _recorded_results(
    file: WalkedFile, checksums: Sequence[Checksum]
) -> Iterator[ImportedFile]:
    """Yield the results for a file from the resume database, without reading it."""
    name = str(file.path)
    if not checksums:
        yield ImportedFile(
            ImportStatus.SKIPPED, name, "It was not a debug file when it was last read."
        )
    for checksum in checksums:
        yield ImportedFile(ImportStatus.PRESENT, name, checksum=checksum)


@contextmanager
def _utf8_path(path: Path) -> Iterator[Path]:
    """Yield a UTF-8 path to the file, if necessary a link: symbolic needs UTF-8."""
    if str(path).isprintable():
        yield path
        return
    with scratch_file(settings.SCRATCH_DIR, prefix="link-") as link:
        link.unlink()
        link.symlink_to(path)
        yield link


def _head(file: WalkedFile) -> bytes:
    if not file.size_bytes:
        return b""
    with file.path.open("rb", buffering=0) as content:
        return content.read(file_type.HEAD_BYTES)
