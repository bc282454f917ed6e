"""`symdepot gc`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from symdepot.domain import text_format
from symdepot.server import setup
from symdepot.server.cli import progress_bar
from symdepot.server.cli.arguments import DataDir

if TYPE_CHECKING:
    from symdepot.pipeline.gc.collector import GcReport

EXAMPLES = "What would be deleted, and why: symdepot gc --dry-run"

DESCRIPTIONS = {
    "unused": "debug files not used for as long as their project keeps them",
    "old": "debug files older than their project keeps them",
    "old-release": "debug files only of older releases than their project keeps",
    "superseded": "debug files superseded by newer ones",
    "unreferenced-file": "files that are not a debug file of any project",
    "unfinished-upload": "uploads whose chunks never arrived",
    "failed-upload": "old failed uploads",
    "never-assembled": "chunks that are in no file",
    "outdated-symcache": "symcaches of an earlier version",
    "orphan": "stored blobs that nothing refers to",
}
"""What is deleted, by `Reason`."""


def gc(
    *,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print what would be deleted, and change nothing."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Delete expired and unreferenced data, and report what was deleted and why.

    `symdepot project retention` and the settings SYMDEPOT_KEEP_… define how long data
    is kept. A background worker does the same every day (SYMDEPOT_GC_INTERVAL). Can
    run at any time beside uploads, and can be interrupted.
    """
    setup.setup(data_dir=data_dir)
    from symdepot.pipeline.gc import collector

    with progress_bar.show_progress("Searching" if dry_run else "Deleting") as progress:
        report = collector.preview(progress) if dry_run else collector.collect(progress)
    if as_json:
        typer.echo(json.dumps(_as_json(report, dry_run=dry_run), indent=2))
    else:
        _print(report, dry_run=dry_run)


def _as_json(report: "GcReport", *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "count": report.count,
        "freed_bytes": report.size_bytes,
        "reasons": {
            reason.value: {"count": deleted.count, "freed_bytes": deleted.size_bytes}
            for reason, deleted in report.by_reason.items()
        },
    }


def _print(report: "GcReport", *, dry_run: bool) -> None:
    table = Table("", "", "", box=None, show_header=False, pad_edge=False)
    table.columns[0].justify = table.columns[1].justify = "right"
    for reason, deleted in report.by_reason.items():
        if deleted.count or deleted.size_bytes:
            size = text_format.format_size(deleted.size_bytes)
            table.add_row(f"{deleted.count:,}", size, DESCRIPTIONS[reason.value])
    console = Console(highlight=False, soft_wrap=True)
    if not table.row_count:
        console.print("There is nothing to delete.")
        return
    console.print(table)
    freed = text_format.format_size(report.size_bytes)
    done, planned = f"This freed {freed}.", f"This would free {freed}."
    console.print(f"{planned} Nothing was changed." if dry_run else done)
