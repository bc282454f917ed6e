"""The command import."""

import json
from pathlib import Path

import pytest
from tests.factories import a_breakpad_file, a_project
from tests.server.command_line import RunCommand

from symdepot.debugfiles.models import DebugFile
from symdepot.projects.models import AuditEntry
from symdepot.server import setup

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with a symbol file, a broken one and a text."""
    a_project()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "README").write_text("Read me.")
    (tree / "bad\x1b[2J.sym").write_bytes(b"MODULE nonsense")
    (tree / "good.sym").write_bytes(a_breakpad_file(at_least_bytes=500_000))
    return tree


def test_import_prints_a_summary_and_the_failed_files(
    symdepot: RunCommand, tree: Path
) -> None:
    size = (tree / "good.sym").stat().st_size / 1000

    result = symdepot("import", "acme/game", str(tree))

    assert result.status == 1
    assert result.out == (
        f"Imported 1 debug file, {size:.2f} kB, into acme/game.\n"
        "Skipped, because they are not debug files: 1.\n"
        "Failed, for the reasons above: 1.\n"
    )
    (line,) = result.err.splitlines()
    assert line.startswith(f"{tree}/bad�[2J.sym: Invalid debug information file: ")
    (entry,) = AuditEntry.objects.filter(action="debug-file.uploaded")
    assert entry.actor == setup.cli_actor()


def test_import_exits_with_0_and_counts_present_files(
    symdepot: RunCommand, tree: Path
) -> None:
    symdepot("import", "acme/game", str(tree))

    result = symdepot("import", "acme/game", str(tree / "good.sym"))

    assert (result.status, result.err) == (0, "")
    assert result.out == (
        "Imported 0 debug files, 0 bytes, into acme/game.\nAlready present: 1.\n"
    )


def test_verbose_lists_skipped_files(symdepot: RunCommand, tree: Path) -> None:
    result = symdepot("import", "acme/game", str(tree / "README"), "--verbose")

    assert result.err == f"{tree}/README: It does not look like a debug file.\n"


def test_a_dry_run_prints_what_would_be_imported(
    symdepot: RunCommand, tree: Path
) -> None:
    result = symdepot("import", "acme/game", str(tree / "good.sym"), "--dry-run")

    first, last = result.out.splitlines()
    assert first.startswith("This would import 1 debug file, ")
    assert last == "Nothing was changed."
    assert not DebugFile.objects.exists()


def test_import_reports_as_json(symdepot: RunCommand, tree: Path) -> None:
    result = symdepot("import", "acme/game", str(tree), "--json")

    report = json.loads(result.out)
    (failed,) = report.pop("failed")
    assert result.status == 1
    assert report == {
        "dry_run": False,
        "imported": 1,
        "imported_bytes": (tree / "good.sym").stat().st_size,
        "here_already": 0,
        "passed_over": 1,
        "stopped": None,
    }
    assert failed["path"] == f"{tree}/bad\x1b[2J.sym"
    assert failed["why"].startswith("Invalid debug information file: ")


def test_a_quota_stops_the_import_with_a_message(
    symdepot: RunCommand, tree: Path
) -> None:
    symdepot("org", "set", "acme", "--quota", "100kB")

    result = symdepot("import", "acme/game", str(tree / "good.sym"))
    report = json.loads(symdepot("import", "acme/game", str(tree), "--json").out)

    assert result.status == 1
    assert result.out == "Imported 0 debug files, 0 bytes, into acme/game.\n"
    assert "of its quota of 100 kB" in result.err
    assert report["stopped"] == result.err.strip()


def test_missing_paths_and_projects_are_refused(
    symdepot: RunCommand, tree: Path
) -> None:
    assert symdepot("import", "acme/game", str(tree / "gone")).status == 2
    assert symdepot("import", "acme", str(tree)).status == 2
    assert symdepot("import", "acme/gone", str(tree)).status == 1
