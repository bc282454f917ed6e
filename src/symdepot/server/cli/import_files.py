"""`symdepot import`."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from symdepot.domain import text_format
from symdepot.domain.errors import SymdepotError
from symdepot.server import setup
from symdepot.server.cli import arguments, progress_bar
from symdepot.server.cli.arguments import DataDir, ProjectArgument

if TYPE_CHECKING:
    from symdepot.pipeline.bulk_import.importer import ImportedFile

EXAMPLES = """
The debug files of this machine: symdepot import acme/linux /usr/lib/debug

What would be imported: symdepot import acme/windows /srv/symbols --dry-run --verbose
"""


_LABELS = {
    "present": "Already present",
    "skipped": "Skipped, because they are not debug files",
    "failed": "Failed, for the reasons above",
}


@dataclass(slots=True)
class _ImportReport:
    """The results of an import; `counts` by `ImportStatus`."""

    dry_run: bool
    counts: Counter[str] = field(default_factory=Counter)
    size_bytes: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    stopped_by: SymdepotError | None = None

    def add(self, file: "ImportedFile") -> None:
        status = file.status.value
        self.counts[status] += 1
        if status == "imported":
            self.size_bytes += file.size_bytes
        elif status == "failed":
            self.failed.append({"path": file.name, "why": file.reason})


def import_(  # noqa: PLR0913 -- each is an option
    project: ProjectArgument,
    paths: Annotated[
        list[Path],
        typer.Argument(help="Folders, debug files and packages.", exists=True),
    ],
    *,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print what would be imported, and change nothing."
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="List the skipped files, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Import debug files on this machine into a project, as if they were uploaded.

    Searches folders, such as /usr/lib/debug, a symbol store or a Breakpad tree, and
    opens .deb, .ddeb, .rpm, .tar.*, .zip and .pd_ files. Other files are skipped. Can
    be interrupted and run again at any time: it reads no file twice. The exit status
    is 1 if a file failed.
    """
    into = arguments.setup_project(project, data_dir)
    from symdepot.pipeline.bulk_import import file_walk, importer

    total_count, total_bytes = file_walk.count_files(paths)
    report = _ImportReport(dry_run)
    with progress_bar.show_progress(
        "Importing", total_count=total_count, total_bytes=total_bytes
    ) as progress:
        try:
            for file in importer.import_files(
                into, paths, by=setup.cli_actor(), dry_run=dry_run, progress=progress
            ):
                report.add(file)
                if file.status.value == "failed" or (verbose and file.reason):
                    progress.print(text_format.printable(f"{file.name}: {file.reason}"))
        except SymdepotError as error:
            report.stopped_by = error
    typer.echo(_as_json(report) if as_json else _summary(report, project))
    if report.stopped_by:
        raise report.stopped_by
    if report.failed:
        raise typer.Exit(1)


def _as_json(report: _ImportReport) -> str:
    answer = {
        "dry_run": report.dry_run,
        "imported": report.counts["imported"],
        "imported_bytes": report.size_bytes,
        "here_already": report.counts["present"],
        "passed_over": report.counts["skipped"],
        "failed": report.failed,
        "stopped": str(report.stopped_by) if report.stopped_by else None,
    }
    return json.dumps(answer, indent=2)


def _summary(report: _ImportReport, project: str) -> str:
    counts = report.counts
    did = "This would import" if report.dry_run else "Imported"
    size = text_format.format_size(report.size_bytes)
    files = "debug file" if counts["imported"] == 1 else "debug files"
    sentences = [f"{did} {counts['imported']:,} {files}, {size}, into {project}."]
    for status, label in _LABELS.items():
        if counts[status]:
            sentences.append(f"{label}: {counts[status]:,}.")
    if report.dry_run:
        sentences.append("Nothing was changed.")
    return "\n".join(sentences)
