"""Debug files in packages are imported, and no package stops the import."""

from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings
from tests.bulk_imports import count_by_status, reasons, run_import
from tests.factories import a_breakpad_file
from tests.fixtures import builders, packed

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import SandboxUnavailable
from symdepot.pipeline.bulk_import.importer import ImportStatus
from symdepot.projects.models import Project
from symdepot.sandbox import archive_reader

pytestmark = pytest.mark.django_db


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return the folder of a package with two debug files, one of them fat."""
    folder = tmp_path / "files" / "usr" / "lib" / "debug"
    folder.mkdir(parents=True)
    fat = [(uuid4(), builders.CPU_X86_64), (uuid4(), builders.CPU_ARM64)]
    (folder / "fat").write_bytes(builders.fat_macho(fat))
    (folder / "hello.sym").write_bytes(a_breakpad_file())
    (folder / "changelog").write_text("Nothing has changed.")
    return tmp_path / "files"


def names() -> list[str]:
    return sorted(DebugFile.objects.values_list("object_name", flat=True))


def test_a_package_is_imported_and_not_opened_again(
    project: Project, tree: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = packed.deb(files, tree / "hello-dbgsym_1_amd64.ddeb")

    results = run_import(project, tree)

    assert count_by_status(results) == {ImportStatus.IMPORTED: 3}
    assert results[-1].name == f"{package}: /usr/lib/debug/hello.sym"
    assert names() == ["fat", "fat", "hello"]
    assert list((tree.parent / "scratch").iterdir()) == []

    monkeypatch.delattr(archive_reader, "extract")
    assert count_by_status(run_import(project, tree)) == {ImportStatus.PRESENT: 3}


def test_a_compressed_file_of_a_symbol_store_gets_its_real_name(
    project: Project, tree: Path, tmp_path: Path
) -> None:
    guid = uuid4()
    (tmp_path / "crash.pdb").write_bytes(builders.pdb(guid))
    folder = tree / "crash.pdb" / f"{guid.hex.upper()}1"
    folder.mkdir(parents=True)
    packed.cabinet(tmp_path / "crash.pdb", folder / "crash.pd_")

    assert count_by_status(run_import(project, tree)) == {ImportStatus.IMPORTED: 1}
    assert names() == ["crash.pdb"]


def test_a_package_without_debug_files_is_skipped(
    project: Project, tree: Path, files: Path
) -> None:
    for name in ("fat", "hello.sym"):
        (files / "usr" / "lib" / "debug" / name).unlink()
    packed.tar(files, tree / "docs.tar.gz")

    assert reasons(run_import(project, tree), ImportStatus.SKIPPED) == {
        "docs.tar.gz": "Nothing in it looks like a debug file."
    }


def test_a_broken_package_fails_and_the_import_continues(
    project: Project, tree: Path, files: Path
) -> None:
    large = files / "usr" / "lib" / "debug" / "z.sym"
    large.write_bytes(a_breakpad_file(at_least_bytes=1_000_000))
    package = packed.tar(files, tree / "a.tar")
    package.write_bytes(package.read_bytes()[:-600_000])
    (tree / "b.zip").write_bytes(b"PK\x03\x04 and no more")
    large.unlink()
    (files / "usr" / "lib" / "debug" / "hello.sym").write_bytes(a_breakpad_file())
    packed.rpm(files, tree / "c.rpm")

    results = run_import(project, tree)

    failed = reasons(results, ImportStatus.FAILED)
    assert set(failed) == {"a.tar", "b.zip"}
    assert failed["a.tar"].startswith("The archive cannot be read: ")
    assert "z" not in names()
    # The slices of the fat file were imported from the first archive.
    assert count_by_status(results) == {
        ImportStatus.IMPORTED: 4,
        ImportStatus.PRESENT: 2,
        ImportStatus.FAILED: 2,
    }


def test_a_failed_file_in_a_package_is_reported_with_both_names(
    project: Project, tree: Path, files: Path, settings: Settings
) -> None:
    settings.MAX_FILE_SIZE = 500_000
    folder = files / "usr" / "lib" / "debug"
    (folder / "broken.dll").write_bytes(builders.pe(uuid4())[:700])
    (folder / "large.sym").write_bytes(a_breakpad_file(at_least_bytes=500_001))
    package = packed.deb(files, tree / "a.deb")

    results = run_import(project, tree)

    failed = {
        one.name: one.reason for one in results if one.status is ImportStatus.FAILED
    }
    assert set(failed) == {
        f"{package}: /usr/lib/debug/broken.dll",
        f"{package}: /usr/lib/debug/large.sym",
    }
    assert count_by_status(results)[ImportStatus.IMPORTED] == 3
    # A package with a failed file is opened again.
    assert count_by_status(run_import(project, tree)) == {
        ImportStatus.PRESENT: 3,
        ImportStatus.FAILED: 2,
    }


def test_without_libarchive_the_error_names_the_package_to_install(
    project: Project, tree: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed.tar(files, tree / "a.tar")
    monkeypatch.setattr(archive_reader, "is_available", lambda: False)

    with pytest.raises(
        SandboxUnavailable, match=r"Install Debian's package libarchive"
    ):
        run_import(project, tree)
