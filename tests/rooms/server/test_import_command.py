"""What `symdepot import` says of what it did, and how it ends."""

import json
from pathlib import Path

import pytest
from tests.factories import a_breakpad_file, a_project
from tests.rooms.server.command_line import RunCommand

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


def test_it_sums_up_and_names_what_failed(symdepot: RunCommand, tree: Path) -> None:
    size = (tree / "good.sym").stat().st_size / 1000

    said = symdepot("import", "acme/game", str(tree))

    assert said.status == 1
    assert said.out == (
        f"Imported 1 debug file, {size:.2f} kB, into acme/game.\n"
        "Skipped, because they are not debug files: 1.\n"
        "Failed, for the reasons above: 1.\n"
    )
    (line,) = said.err.splitlines()
    assert line.startswith(f"{tree}/bad�[2J.sym: Invalid debug information file: ")
    (entry,) = AuditEntry.objects.filter(action="debug-file.uploaded")
    assert entry.actor == setup.cli_actor()


def test_it_ends_well_where_nothing_failed_and_knows_what_is_here(
    symdepot: RunCommand, tree: Path
) -> None:
    symdepot("import", "acme/game", str(tree))

    said = symdepot("import", "acme/game", str(tree / "good.sym"))

    assert (said.status, said.err) == (0, "")
    assert said.out == (
        "Imported 0 debug files, 0 bytes, into acme/game.\nAlready present: 1.\n"
    )


def test_it_says_why_it_passed_files_over_if_asked(
    symdepot: RunCommand, tree: Path
) -> None:
    said = symdepot("import", "acme/game", str(tree / "README"), "--verbose")

    assert said.err == f"{tree}/README: It does not look like a debug file.\n"


def test_a_trial_says_what_would_come(symdepot: RunCommand, tree: Path) -> None:
    said = symdepot("import", "acme/game", str(tree / "good.sym"), "--dry-run")

    first, last = said.out.splitlines()
    assert first.startswith("This would import 1 debug file, ")
    assert last == "Nothing was changed."
    assert not DebugFile.objects.exists()


def test_it_reports_as_json(symdepot: RunCommand, tree: Path) -> None:
    said = symdepot("import", "acme/game", str(tree), "--json")

    told = json.loads(said.out)
    (failed,) = told.pop("failed")
    assert said.status == 1
    assert told == {
        "dry_run": False,
        "imported": 1,
        "imported_bytes": (tree / "good.sym").stat().st_size,
        "here_already": 0,
        "passed_over": 1,
        "stopped": None,
    }
    assert failed["path"] == f"{tree}/bad\x1b[2J.sym"
    assert failed["why"].startswith("Invalid debug information file: ")


def test_a_quota_ends_it_with_a_sentence(symdepot: RunCommand, tree: Path) -> None:
    symdepot("org", "set", "acme", "--quota", "100kB")

    said = symdepot("import", "acme/game", str(tree / "good.sym"))
    told = json.loads(symdepot("import", "acme/game", str(tree), "--json").out)

    assert said.status == 1
    assert said.out == "Imported 0 debug files, 0 bytes, into acme/game.\n"
    assert "of its quota of 100 kB" in said.err
    assert told["stopped"] == said.err.strip()


def test_what_is_not_there_is_not_imported(symdepot: RunCommand, tree: Path) -> None:
    assert symdepot("import", "acme/game", str(tree / "gone")).status == 2
    assert symdepot("import", "acme", str(tree)).status == 2
    assert symdepot("import", "acme/gone", str(tree)).status == 1
