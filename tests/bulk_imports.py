"""Imports, and what is told of them."""

from collections import Counter
from pathlib import Path

from symdepot.pipeline.bulk_import import importer
from symdepot.pipeline.bulk_import.importer import ImportedFile, ImportStatus
from symdepot.projects.models import Project

BY = "command line (somebody)"


def run_import(
    project: Project, *paths: Path, is_trial: bool = False
) -> list[ImportedFile]:
    """Import what is there; return what was told of each file."""
    events = importer.import_files(project, paths, by=BY, is_trial=is_trial)
    return [event for event in events if isinstance(event, ImportedFile)]


def count_by_status(told: list[ImportedFile]) -> dict[ImportStatus, int]:
    return dict(Counter(one.fate for one in told))


def reasons(told: list[ImportedFile], fate: ImportStatus) -> dict[str, str]:
    """Return, by the name of each file of this fate, why it is."""
    return {Path(one.name).name: one.why for one in told if one.fate is fate}
