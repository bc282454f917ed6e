"""Run imports and count their results."""

from collections import Counter
from pathlib import Path

from symdepot.pipeline.bulk_import import importer
from symdepot.pipeline.bulk_import.importer import ImportedFile, ImportStatus
from symdepot.projects.models import Project

BY = "command line (somebody)"


def run_import(
    project: Project, *paths: Path, dry_run: bool = False
) -> list[ImportedFile]:
    """Import the files at and below `paths`; return the results."""
    return list(importer.import_files(project, paths, by=BY, dry_run=dry_run))


def count_by_status(results: list[ImportedFile]) -> dict[ImportStatus, int]:
    return dict(Counter(one.status for one in results))


def reasons(results: list[ImportedFile], status: ImportStatus) -> dict[str, str]:
    """Return the reasons of the files of this status, by file name."""
    return {Path(one.name).name: one.reason for one in results if one.status is status}
