"""`symdepot import`."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from symdepot.domain import text_format
from symdepot.domain.errors import SymdepotError
from symdepot.server import setup
from symdepot.server.cli import arguments, output
from symdepot.server.cli.arguments import DataDir, ProjectArgument

if TYPE_CHECKING:
    from symdepot.pipeline.bulk_import.importer import ImportedFile

EXAMPLES = """
What this machine has: symdepot import acme/linux /usr/lib/debug

What would come of it: symdepot import acme/windows /srv/symbols --dry-run --verbose
"""


@dataclass(slots=True)
class _Report:
    """What became of all files; by `Fate`, how many."""

    is_trial: bool
    counts: dict[str, int] = field(default_factory=dict)
    size_bytes: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    stopped: SymdepotError | None = None

    def add(self, told: "ImportedFile") -> None:
        self.counts[told.fate.value] = self.counts.get(told.fate.value, 0) + 1
        match told.fate.value:
            case "imported":
                self.size_bytes += told.size_bytes
            case "failed":
                self.failed.append({"path": told.name, "why": told.why})


def import_(  # noqa: PLR0913 -- each is an option
    to: ProjectArgument,
    paths: Annotated[
        list[Path],
        typer.Argument(help="Folders, debug files and packages.", exists=True),
    ],
    *,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would come in, and change nothing."),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Name all files that are passed over.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Take debug files into a project that lie on this machine, as if they were uploaded.

    Goes through folders, such as /usr/lib/debug, a symbol store or a Breakpad tree, and
    opens .deb, .ddeb, .rpm, .tar.*, .zip and .pd_ files. What is no debug file is
    passed over. May be broken off and run again at any time, and then goes on: it
    reads no file twice. Ends with status 1 if a file could not be taken.
    """
    project = arguments.setup_project(to, data_dir)
    from symdepot.pipeline.bulk_import import file_walk, importer

    extent = file_walk.count_files(paths)
    report = _Report(dry_run)
    with output.show_files(
        "Importing", files=extent.files, size_bytes=extent.size_bytes
    ) as voyage:
        try:
            for event in importer.import_files(
                project, paths, by=setup.cli_actor(), is_trial=dry_run
            ):
                match event:
                    case importer.FileDone(size_bytes):
                        voyage.step(size_bytes)
                    case importer.ImportedFile() as told:
                        report.add(told)
                        if told.fate.value == "failed" or (verbose and told.why):
                            voyage.say(
                                text_format.printable(f"{told.name}: {told.why}")
                            )
        except SymdepotError as error:
            report.stopped = error
    _end(report, to, as_json=as_json)


def _end(report: _Report, project: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_plain(report), indent=2))
    else:
        typer.echo(_summary(report, project))
    if report.stopped:
        raise report.stopped
    if report.failed:
        raise typer.Exit(1)


def _plain(report: _Report) -> dict[str, object]:
    return {
        "dry_run": report.is_trial,
        "imported": report.counts.get("imported", 0),
        "imported_bytes": report.size_bytes,
        "here_already": report.counts.get("here", 0),
        "passed_over": report.counts.get("passed over", 0),
        "failed": report.failed,
        "stopped": str(report.stopped) if report.stopped else None,
    }


def _summary(report: _Report, project: str) -> str:
    imported, here, passed, failed = (
        report.counts.get(fate, 0)
        for fate in ("imported", "here", "passed over", "failed")
    )
    did = "This would import" if report.is_trial else "Imported"
    size = text_format.format_size(report.size_bytes)
    files = "debug file" if imported == 1 else "debug files"
    sentences = [f"{did} {imported:,} {files}, {size}, into {project}."]
    if here:
        sentences.append(f"Here already: {here:,}.")
    if passed:
        sentences.append(f"No debug files, and passed over: {passed:,}.")
    if failed:
        sentences.append(f"Could not be taken, for the reasons above: {failed:,}.")
    if report.is_trial:
        sentences.append("Nothing was changed.")
    return "\n".join(sentences)
