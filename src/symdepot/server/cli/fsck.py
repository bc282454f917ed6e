"""`symdepot fsck`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from symdepot.domain import text_format
from symdepot.server import setup
from symdepot.server.cli import progress_bar
from symdepot.server.cli.arguments import DataDir

if TYPE_CHECKING:
    from symdepot.pipeline.fsck.report import Finding, FsckReport

EXAMPLES = """
Every night, without reading all bytes: symdepot fsck --quick

After a disk failure: symdepot fsck --repair
"""

FAULTS = {
    "missing": ("its bytes are missing", "it now counts as missing"),
    "damaged": ("its bytes are damaged", "it now counts as missing"),
    "wrong-size": ("its row has another size than its bytes", "the row is corrected"),
    "orphan": ("nothing refers to it", "it is deleted"),
    "incomplete": ("its chunks are not the whole file", "it now counts as missing"),
    "sound-but-held-for-damaged": (
        "it is marked as damaged, but is not",
        "the mark is removed",
    ),
    "ok-without-debug-file": (
        "its status is ok, but it has no debug file",
        "the status is deleted",
    ),
}
"""What is wrong, and the result of a repair, by `Fault`."""


def fsck(
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair what can be repaired safely.")
    ] = False,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Check that the bytes exist and their size; do not read them.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Check all rows and all stored bytes against each other.

    With --repair, damaged chunks count as missing: clients that upload the listed files
    again send just those. Symcaches are created again. Can run at any time beside
    uploads. The exit status is 1 if there is a fault.
    """
    setup.setup(data_dir=data_dir)
    from symdepot.pipeline.fsck import checker
    from symdepot.pipeline.fsck import repair as fsck_repair

    total_bytes = checker.total_bytes()
    with progress_bar.show_progress("Checking", total_bytes=total_bytes) as progress:
        report = checker.check(hashing=not quick, progress=progress)
    repaired = fsck_repair.repair(report.findings) if repair else []
    if as_json:
        typer.echo(json.dumps(_as_json(report, repaired), indent=2))
    else:
        _print(report, repaired)
    if not report.is_sound:
        raise typer.Exit(1)


def _as_json(report: "FsckReport", repaired: list["Finding"]) -> dict[str, object]:
    return {
        "sound": report.is_sound,
        "blobs": report.blobs,
        "bytes": report.size_bytes,
        "young_blobs": report.young_blobs,
        "files": report.files,
        "findings": [
            {
                "fault": finding.fault.value,
                "of": finding.subject.value,
                "checksum": finding.checksum.hex,
                "heals_by_upload_of": list(finding.affected),
                "repaired": finding in repaired,
            }
            for finding in report.findings
        ],
    }


def _print(report: "FsckReport", repaired: list["Finding"]) -> None:
    for finding in report.findings:
        wrong, result = FAULTS[finding.fault.value]
        done = f"; {result}" if finding in repaired else ""
        typer.echo(f"{finding.subject.value} {finding.checksum}: {wrong}{done}.")
        for name in finding.affected:
            typer.echo(f"    to repair it, upload {name} again")
    size = text_format.format_size(report.size_bytes)
    young = report.young_blobs
    new = f", of which {young:,} are too new to have a row" if young else ""
    blobs = f"{report.blobs:,} blobs ({size}){new}"
    typer.echo(f"Checked {blobs}, and {report.files:,} files.")
    if report.is_sound:
        typer.echo("No faults found.")
        return
    done = f", repaired {len(repaired):,}" if repaired else ""
    count = len(report.findings)
    typer.echo(f"Found {count:,} {'fault' if count == 1 else 'faults'}{done}.")
    if not repaired:
        typer.echo("`symdepot fsck --repair` repairs what can be repaired safely.")
