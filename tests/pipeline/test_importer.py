"""Files on a disk are imported into a project as if they were uploaded."""

import os
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings
from tests.bulk_imports import BY, count_by_status, reasons, run_import
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_project,
    files_url,
    upload,
)
from tests.fixtures import builders, compiled
from tests.task_queues import HeldQueue

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import contents, project_files
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import QuotaExceeded, StorageUnavailable
from symdepot.domain.ids import Checksum, DebugId
from symdepot.pipeline.bulk_import.importer import ImportStatus
from symdepot.projects.models import AuditEntry, Project
from symdepot.symcaches.models import SymCache
from symdepot.uploads import file_splitter
from symdepot.uploads.models import ChunkOwner, File

pytestmark = pytest.mark.django_db


def downloaded(row: DebugFile) -> bytes:
    answer = a_client().get(files_url(f"dsyms/?id={row.pk}"))
    content: bytes = answer.getvalue()
    return content


def test_a_build_id_tree_is_imported_under_real_names(
    project: Project, tree: Path, tmp_path: Path
) -> None:
    companion = compiled.debug_companion(compiled.elf_program(tmp_path))
    (tree / "usr" / "bin").mkdir(parents=True)
    real = companion.rename(tree / "usr" / "bin" / "hello.debug")
    (tree / ".build-id" / "ab").mkdir(parents=True)
    (tree / ".build-id" / "ab" / "cd.debug").symlink_to("../../usr/bin/hello.debug")

    (result,) = run_import(project, tree)

    content = real.read_bytes()
    assert (result.status, result.name) == (ImportStatus.IMPORTED, str(real))
    row = project_files.by_checksums(project, [Checksum.of(content)])[
        Checksum.of(content)
    ]
    assert (row.object_name, row.kind) == ("hello.debug", "dbg")
    assert downloaded(row) == content


def test_a_symbol_store_and_a_breakpad_tree_are_imported(
    project: Project, tree: Path
) -> None:
    guid = uuid4()
    files = {
        f"crash.pdb/{guid.hex.upper()}1/crash.pdb": builders.pdb(guid),
        "crash.dll/5AB3807720000/crash.dll": builders.pe(guid),
        f"hello/{guid.hex.upper()}0/hello.sym": builders.breakpad(guid),
        f"crash.pdb/{guid.hex.upper()}1/file.ptr": b"MSG: moved",
    }
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)

    results = run_import(project, tree)

    assert count_by_status(results) == {ImportStatus.IMPORTED: 3}
    assert set(DebugFile.objects.values_list("object_name", "debug_id")) == {
        ("crash.pdb", f"{guid}-1"),
        ("crash.dll", f"{guid}-1"),
        ("hello", str(guid)),
    }


def test_an_imported_file_is_chunked_audited_and_queued_as_an_upload(
    project: Project, tree: Path, held_queue: HeldQueue, settings: Settings
) -> None:
    settings.SYMCACHES = True
    content = a_breakpad_file(at_least_bytes=2_500_000)
    (tree / "hello.sym").write_bytes(content)
    revision = project.revision

    run_import(project, tree)

    (row,) = DebugFile.objects.all()
    chunks = contents.file_content(row).chunks
    assert [size for _, size in chunks[:2]] == [settings.CHUNK_SIZE] * 2
    assert ChunkOwner.objects.filter(organization=project.organization).count() == 3
    (entry,) = AuditEntry.objects.filter(action="debug-file.uploaded")
    assert (entry.actor, entry.subject) == (BY, str(row))
    project.refresh_from_db()
    assert project.revision == revision + 1
    assert held_queue.symcaches == [SymCache.objects.get(file=row.file).pk]

    # And a client that has the same file has nothing to send.
    assert upload(a_client(), content)["state"] == "ok"


def test_fat_files_are_split_by_architecture(project: Project, tree: Path) -> None:
    slices = [(uuid4(), builders.CPU_X86_64), (uuid4(), builders.CPU_ARM64)]
    (tree / "hello").write_bytes(builders.fat_macho(slices))

    assert count_by_status(run_import(project, tree)) == {ImportStatus.IMPORTED: 2}

    assert {(row.debug_id, row.arch) for row in DebugFile.objects.all()} == {
        (str(slices[0][0]), "x86_64"),
        (str(slices[1][0]), "arm64"),
    }


def test_the_id_of_a_mapping_is_read_from_its_name(
    project: Project, tree: Path
) -> None:
    mapping_id = uuid4()
    (tree / "proguard").mkdir()
    path = tree / "proguard" / f"mapping-{mapping_id}.txt"
    path.write_bytes(builders.PROGUARD_MAPPING)

    run_import(project, tree)

    assert project_files.by_ids(project, DebugId(mapping_id), None)


def test_file_names_can_be_any_bytes(project: Project, tree: Path) -> None:
    path = os.fsencode(tree) + b"/gr\xf6\xdfe.sym"
    Path(os.fsdecode(path)).write_bytes(a_breakpad_file())

    (result,) = run_import(project, tree)

    assert result.status is ImportStatus.IMPORTED
    assert DebugFile.objects.get().object_name == "gr��e"


def test_other_files_are_skipped_with_the_reason(project: Project, tree: Path) -> None:
    (tree / "README").write_text("Read me.")
    (tree / "empty").touch()
    (tree / "nil.sym").write_bytes(builders.breakpad(UUID(int=0)))

    results = run_import(project, tree)

    assert reasons(results, ImportStatus.SKIPPED) == {
        "README": "It does not look like a debug file.",
        "empty": "It does not look like a debug file.",
        "nil.sym": (
            "This file has neither a debug id nor a code id, "
            "so nothing could ever find it."
        ),
    }
    assert list(blob_store()) == []


def test_a_broken_file_fails_and_the_import_continues(
    project: Project, tree: Path, settings: Settings
) -> None:
    settings.MAX_FILE_SIZE = 2_000_000
    (tree / "a.dll").write_bytes(builders.pe(uuid4())[:700])
    (tree / "b.sym").write_bytes(a_breakpad_file(at_least_bytes=2_000_001))
    deep = builders.deep_breakpad(uuid4(), 10_000)
    (tree / "c.sym").write_bytes(deep)
    (tree / "d.sym").write_bytes(a_breakpad_file())

    results = run_import(project, tree)

    failed = reasons(results, ImportStatus.FAILED)
    assert failed["a.dll"].startswith("Invalid debug information file: it is cut short")
    assert "exceeds maximum size" in failed["b.sym"]
    assert (
        count_by_status(results)[ImportStatus.IMPORTED]
        == len(results) - len(failed)
        >= 1
    )
    assert results[-1].name.endswith("d.sym")


def test_a_file_that_changes_while_it_is_read_fails(
    project: Project, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tree / "hello.sym"
    path.write_bytes(a_breakpad_file())
    cut = file_splitter.split

    def split_while_the_file_is_written(*args: object, **kwargs: object) -> object:
        with path.open("ab") as file:
            file.write(b"PUBLIC 3000 0 more\n")
        return cut(*args, **kwargs)  # type: ignore[arg-type] # as it is called

    monkeypatch.setattr(file_splitter, "split", split_while_the_file_is_written)

    assert reasons(run_import(project, path), ImportStatus.FAILED) == {
        "hello.sym": "It changed while it was read."
    }
    assert not DebugFile.objects.exists()


def test_chunks_that_the_organization_owns_are_not_stored_again(
    project: Project, tree: Path
) -> None:
    content = a_breakpad_file()
    upload(a_client(), content)
    upload(a_client(), content, project=a_project("other").slug)
    written = {blob.checksum: blob.written_at for blob in blob_store().stored()}
    (tree / "again.sym").write_bytes(content)

    assert count_by_status(run_import(project, tree)) == {ImportStatus.PRESENT: 1}
    assert count_by_status(run_import(a_project("third"), tree)) == {
        ImportStatus.IMPORTED: 1
    }

    assert written == {b.checksum: b.written_at for b in blob_store().stored()}
    assert File.objects.count() == 1


def test_a_quota_stops_the_import(project: Project, tree: Path) -> None:
    small, large = a_breakpad_file(), a_breakpad_file(at_least_bytes=300_000)
    (tree / "a.sym").write_bytes(small)
    (tree / "b.sym").write_bytes(large)
    project.organization.quota_bytes = 200_000
    project.organization.save()

    with pytest.raises(QuotaExceeded):
        run_import(project, tree)

    assert list(blob_store()) == [Checksum.of(small)]
    assert DebugFile.objects.count() == 1


def test_a_dry_run_reports_the_same_and_changes_nothing(
    project: Project, tree: Path
) -> None:
    known = a_breakpad_file()
    a_debug_file(project, known)
    rows, blobs = AuditEntry.objects.count(), set(blob_store())
    new = a_breakpad_file()
    for name, content in {"a": new, "b": new, "c": b"MZ", "d": b"text"}.items():
        (tree / name).write_bytes(content)

    foreseen = run_import(project, tree, dry_run=True)

    assert count_by_status(foreseen) == {
        ImportStatus.IMPORTED: 1,
        ImportStatus.PRESENT: 1,
        ImportStatus.SKIPPED: 2,
    }
    assert (AuditEntry.objects.count(), set(blob_store())) == (rows, blobs)
    assert count_by_status(run_import(project, tree)) == count_by_status(foreseen)


def test_an_unavailable_store_stops_the_import_after_a_second_attempt(
    project: Project, tree: Path, disk: Path
) -> None:
    disk.write_text("not a folder")
    (tree / "a.sym").write_bytes(a_breakpad_file())

    with pytest.raises(StorageUnavailable):
        run_import(project, tree / "a.sym")

    disk.unlink()
    assert count_by_status(run_import(project, tree / "a.sym")) == {
        ImportStatus.IMPORTED: 1
    }
