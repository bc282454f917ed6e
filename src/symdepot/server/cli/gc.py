"""`symdepot gc`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from symdepot.domain import text_format
from symdepot.server import setup
from symdepot.server.cli import output
from symdepot.server.cli.arguments import DataDir

if TYPE_CHECKING:
    from symdepot.pipeline.gc.collector import GcReport

EXAMPLES = """
What would go, and why: symdepot gc --dry-run
"""

_SENTENCES = {
    "unused": "debug files that nobody used for as long as their project keeps them",
    "old": "debug files that came longer ago than their project keeps them",
    "old-release": "debug files of older releases only than their project keeps",
    "superseded": "debug files that newer ones made redundant",
    "unreferenced-file": "files that are no debug file of any project",
    "unfinished-upload": "uploads whose chunks never came",
    "failed-upload": "failed uploads that are no longer told of",
    "never-assembled": "chunks that are in no file",
    "outdated-symcache": "symcaches of an earlier version",
    "orphan": "stored blobs that nothing refers to",
}


def gc(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="GcReport as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Clear away what nobody needs, and say what that was and why.

    What is to be kept for how long is said by `symdepot project retention` and by the
    settings SYMDEPOT_KEEP_…. A background worker does the same every day
    (SYMDEPOT_GC_INTERVAL). May run at any time beside uploads, and be broken off.
    """
    setup.setup(data_dir=data_dir)
    from symdepot.pipeline.gc import collector

    with output.show_counts("Looking" if dry_run else "Sweeping") as step:
        report = collector.preview(step) if dry_run else collector.collect(step)
    if as_json:
        typer.echo(json.dumps(_plain(report, dry_run=dry_run), indent=2))
    else:
        _print(report, dry_run=dry_run)


def _plain(report: "GcReport", *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "count": report.count,
        "freed_bytes": report.size_bytes,
        "reasons": {
            reason.value: {"count": taken.count, "freed_bytes": taken.size_bytes}
            for reason, taken in report.taken.items()
        },
    }


def _print(report: "GcReport", *, dry_run: bool) -> None:
    table = Table("", "", "", box=None, show_header=False, pad_edge=False)
    table.columns[0].justify = table.columns[1].justify = "right"
    for reason, taken in report.taken.items():
        if taken.count or taken.size_bytes:
            table.add_row(
                f"{taken.count:,}",
                text_format.format_size(taken.size_bytes),
                _SENTENCES[reason.value],
            )
    console = Console(highlight=False, soft_wrap=True)
    if table.row_count:
        console.print(table)
    freed = text_format.format_size(report.size_bytes)
    would = (
        f"would free {freed}. Nothing was changed." if dry_run else f"freed {freed}."
    )
    console.print(
        f"This {would}" if table.row_count else "There is nothing to clear away."
    )
