"""Imports, and what is told of them."""

from collections import Counter
from pathlib import Path

from symdepot.pipeline.bulk_import import importer
from symdepot.pipeline.bulk_import.importer import ImportedFile, ImportStatus
from symdepot.projects.models import Project

BY = "command line (somebody)"


def run_import(
    project: Project, *paths: Path, dry_run: bool = False
) -> list[ImportedFile]:
    """Import what is there; return what was told of each file."""
    return list(importer.import_files(project, paths, by=BY, dry_run=dry_run))


def count_by_status(told: list[ImportedFile]) -> dict[ImportStatus, int]:
    return dict(Counter(one.status for one in told))


def reasons(told: list[ImportedFile], status: ImportStatus) -> dict[str, str]:
    """Return, by the name of each file of this status, why it is."""
    return {Path(one.name).name: one.reason for one in told if one.status is status}
