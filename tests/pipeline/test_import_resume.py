"""A repeated import reads only new files, and imports only what is missing."""

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.bulk_imports import BY, count_by_status, run_import
from tests.factories import a_breakpad_file, a_client, a_project, files_url

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import Unavailable
from symdepot.domain.ids import Checksum
from symdepot.pipeline.bulk_import import importer, resume_db
from symdepot.pipeline.bulk_import.importer import ImportStatus
from symdepot.projects.models import AuditEntry, Project
from symdepot.uploads import chunks

pytestmark = pytest.mark.django_db

_watchers: list[list[str]] = []


def _record_opened_path(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _watchers and isinstance(arguments[0], str | bytes):
        _watchers[-1].append(os.fsdecode(arguments[0]))


sys.addaudithook(_record_opened_path)


@pytest.fixture
def opened(tree: Path) -> Iterator[list[str]]:
    """Return a list of the paths that this process opens from now on."""
    _watchers.append([])
    yield _watchers[-1]
    _watchers.pop()


@pytest.fixture
def tree(tree: Path) -> Path:
    """Fill the folder with three symbol files, and two others."""
    for name in ("a.sym", "b.sym", "c.sym"):
        (tree / name).write_bytes(a_breakpad_file())
    (tree / "README").write_text("Read me.")
    (tree / "empty").touch()
    return tree


def read(opened: list[str], tree: Path) -> list[str]:
    """Return the names of the files in the tree that were read since the last call."""
    names = [Path(path).name for path in opened if Path(path).parent == tree]
    opened.clear()
    return sorted(set(names))


def test_a_second_import_reads_nothing(
    project: Project, tree: Path, opened: list[str]
) -> None:
    assert count_by_status(run_import(project, tree)) == {
        ImportStatus.IMPORTED: 3,
        ImportStatus.SKIPPED: 2,
    }
    assert read(opened, tree) == ["README", "a.sym", "b.sym", "c.sym"]
    entries = AuditEntry.objects.count()

    assert count_by_status(run_import(project, tree)) == {
        ImportStatus.PRESENT: 3,
        ImportStatus.SKIPPED: 2,
    }

    assert read(opened, tree) == []
    assert AuditEntry.objects.count() == entries


def test_an_interrupted_import_continues(
    project: Project, tree: Path, opened: list[str]
) -> None:
    files_left = iter(range(2))

    def interrupt_after_three(*_: object) -> None:
        """Interrupt the import after README, a.sym and b.sym."""
        if next(files_left, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(
            importer.import_files(
                project, [tree], by=BY, progress=interrupt_after_three
            )
        )
    assert DebugFile.objects.count() == 2
    read(opened, tree)

    again = run_import(project, tree)

    assert count_by_status(again)[ImportStatus.IMPORTED] == 1
    assert read(opened, tree) == ["c.sym"]


def test_changed_files_are_read_again(
    project: Project, tree: Path, opened: list[str]
) -> None:
    run_import(project, tree)
    status = (tree / "b.sym").stat()
    new = a_breakpad_file()
    assert len(new) == status.st_size
    (tree / "b.sym").write_bytes(new)
    os.utime(tree / "b.sym", ns=(status.st_atime_ns, status.st_mtime_ns))
    read(opened, tree)

    assert count_by_status(run_import(project, tree))[ImportStatus.IMPORTED] == 1
    assert read(opened, tree) == ["b.sym"]


def test_a_debug_file_that_was_deleted_is_imported_again(
    project: Project, tree: Path, opened: list[str]
) -> None:
    run_import(project, tree)
    row = DebugFile.objects.get(object_name="b")
    a_client().delete(files_url(f"dsyms/?id={row.pk}"))
    assert DebugFile.objects.count() == 2
    read(opened, tree)

    assert count_by_status(run_import(project, tree))[ImportStatus.IMPORTED] == 1
    assert read(opened, tree) == ["b.sym"]
    assert DebugFile.objects.count() == 3


def test_a_damaged_file_is_imported_again(project: Project, tree: Path) -> None:
    run_import(project, tree)
    bad = Checksum.of((tree / "b.sym").read_bytes())
    blob_store().delete(bad)
    chunks.forget_damaged(bad)

    assert count_by_status(run_import(project, tree))[ImportStatus.IMPORTED] == 1

    assert bad in blob_store()
    assert count_by_status(run_import(project, tree)) == {
        ImportStatus.PRESENT: 3,
        ImportStatus.SKIPPED: 2,
    }


def test_files_are_imported_into_each_project(project: Project, tree: Path) -> None:
    run_import(project, tree)

    assert (
        count_by_status(run_import(a_project("other"), tree))[ImportStatus.IMPORTED]
        == 3
    )


@pytest.mark.parametrize("damage", [b"no database at all", b""])
def test_without_the_resume_database_all_files_are_read_again(
    project: Project, tree: Path, opened: list[str], damage: bytes
) -> None:
    run_import(project, tree)
    for path in tree.parent.glob("import-journal.db*"):
        path.unlink()
    (tree.parent / "import-journal.db").write_bytes(damage)
    read(opened, tree)

    assert count_by_status(run_import(project, tree))[ImportStatus.PRESENT] == 3

    assert len(read(opened, tree)) == 4
    run_import(project, tree)
    assert read(opened, tree) == []


def test_results_of_an_older_version_are_discarded(
    project: Project, tree: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_import(project, tree)
    read(opened, tree)
    monkeypatch.setattr(resume_db, "_VERSION", 1_000)

    run_import(project, tree)

    assert len(read(opened, tree)) == 4


def test_failed_files_are_read_again(
    project: Project, tree: Path, opened: list[str]
) -> None:
    (tree / "bad.sym").write_bytes(b"MODULE nonsense")
    assert count_by_status(run_import(project, tree))[ImportStatus.FAILED] == 1
    read(opened, tree)

    assert count_by_status(run_import(project, tree))[ImportStatus.FAILED] == 1
    assert read(opened, tree) == ["bad.sym"]


def test_a_resume_database_that_cannot_be_written_stops_the_import(
    project: Project, tree: Path
) -> None:
    path = tree.parent / "import-journal.db"
    path.mkdir()

    with pytest.raises(Unavailable) as never_begun:
        run_import(project, tree)
    path.rmdir()
    run_import(project)
    with closing(sqlite3.connect(path)) as rows:
        rows.execute(
            "CREATE TRIGGER full BEFORE INSERT ON read_file "
            "BEGIN SELECT raise(ABORT, 'database or disk is full'); END"
        )
    with pytest.raises(Unavailable) as broken_off:
        run_import(project, tree)

    begun = f"What was imported cannot be noted in {path}: "
    assert str(never_begun.value) == f"{begun}unable to open database file."
    assert str(broken_off.value) == f"{begun}database or disk is full."
