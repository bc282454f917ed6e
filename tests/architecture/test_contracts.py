"""Each import contract reports the import that it forbids, and no other contract does."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
    "importlinter"
]["contracts"]
VIOLATIONS = {
    "Each package imports only packages below it": {
        "blobs/added.py": "import symdepot.sandbox.linux_process",
    },
    "The domain, the blob stores and the sandbox do not import Django": {
        "domain/added.py": "import django.utils.timezone",
    },
    "Only protocols and the server import ninja": {
        "projects/added.py": "import ninja",
    },
    "Only these modules import native parsers": {
        "domain/formats/added.py": "import symbolic.debuginfo",
    },
    "Only the sandbox imports modules that parse with them": {
        "domain/added.py": "import symdepot.domain.formats.inspection",
    },
    "Server processes load none of these modules, even indirectly": {
        "projects/added.py": "import symdepot.sandbox.child",
    },
    "No protocol imports another": {
        "protocols/sentry/added.py": "import symdepot.protocols.breakpad.downloads",
    },
    "Upload requests queue tasks, and tasks run steps": {
        "pipeline/tasks.py": "",  # or there would be a cycle, too
        "pipeline/steps.py": "import symdepot.pipeline.tasks",
    },
    "Only the server imports settings and config; other packages use django.conf": {
        # No layer, so that the layers do not report it, too.
        "__main__.py": "import symdepot.server.config",
    },
    "No package imports itself in a cycle": {
        "projects/added.py": "import symdepot.projects.added_too",
        "projects/added_too.py": "import symdepot.projects.added",
    },
}


def broken_contracts(source: Path, cache: Path) -> set[str]:
    """Return the names of the contracts that `lint-imports` reports as broken."""
    report = subprocess.run(  # noqa: S603 -- import-linter, on our own files
        [
            str(Path(sys.executable).with_name("lint-imports")),
            *("--cache-dir", str(cache)),
            *("--config", str(ROOT / "pyproject.toml")),
        ],
        cwd=source,
        env={"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    ).stdout
    results = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b", report, re.MULTILINE))
    assert set(results) == {contract["name"] for contract in CONTRACTS}, report
    return {name for name, result in results.items() if result == "BROKEN"}


def test_each_contract_has_a_violation() -> None:
    assert set(VIOLATIONS) == {contract["name"] for contract in CONTRACTS}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_contract_reports_its_violation(
    name: str, tmp_path: Path, cache: Path
) -> None:
    package = tmp_path / "symdepot"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "symdepot", package, ignore=ignored)

    for path, content in VIOLATIONS[name].items():
        (package / path).write_text(f"{content}\n")

    assert broken_contracts(tmp_path, cache) == {name}
