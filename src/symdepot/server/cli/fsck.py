"""`symdepot fsck`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from symdepot.domain import text_format
from symdepot.server import setup
from symdepot.server.cli import output
from symdepot.server.cli.arguments import DataDir

if TYPE_CHECKING:
    from symdepot.pipeline.fsck.report import Finding, FsckReport

EXAMPLES = """
Every night, without reading all bytes: symdepot fsck --quick

After a disk failed: symdepot fsck --repair
"""

_SENTENCES = {
    ("missing", "chunk"): "its bytes are gone",
    ("damaged", "chunk"): "its bytes are damaged",
    ("missing", "symcache"): "its bytes are gone",
    ("damaged", "symcache"): "its bytes are damaged",
    ("wrong-size", "chunk"): "its row tells another size than its bytes have",
    ("wrong-size", "symcache"): "its row tells another size than its bytes have",
    ("orphan", "blob"): "nothing refers to it",
    ("incomplete", "file"): "its chunks do not make it",
    ("sound-but-held-for-damaged", "file"): "it is held for damaged, and is sound",
    ("ok-without-debug-file", "upload"): "it is told to be ok, and there is no file",
}
_REPAIRED = {
    "missing": "from now on it counts as missing",
    "damaged": "from now on it counts as missing",
    "wrong-size": "the row is right now",
    "orphan": "it is deleted",
    "incomplete": "from now on it counts as missing",
    "sound-but-held-for-damaged": "it is found again",
    "ok-without-debug-file": "it is told so no longer",
}


def fsck(
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair what can be repaired safely.")
    ] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Do not read the bytes, only their text_format."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Compare all rows and all bytes with each other; end with status 1 if any is wrong.

    With --repair, what is damaged or gone counts as missing, so that uploading the
    files that are named sends just that again; symcaches are made again. May run at
    any time beside uploads.
    """
    setup.setup(data_dir=data_dir)
    from symdepot.pipeline.fsck import checker
    from symdepot.pipeline.fsck import repair as fsck_repair

    with output.show_bytes("Checking", checker.total_bytes()) as step:
        made = checker.check(hashing=not quick, step=step)
    repaired = fsck_repair.repair(made.findings) if repair else []
    if as_json:
        typer.echo(json.dumps(_plain(made, repaired), indent=2))
    else:
        _print(made, repaired)
    if not made.is_sound:
        raise typer.Exit(1)


def _plain(made: "FsckReport", repaired: list["Finding"]) -> dict[str, object]:
    return {
        "sound": made.is_sound,
        "blobs": made.blobs,
        "bytes": made.size_bytes,
        "young_blobs": made.young,
        "files": made.files,
        "findings": [
            {
                "fault": finding.fault.value,
                "of": finding.subject.value,
                "checksum": finding.checksum.hex,
                "heals_by_upload_of": list(finding.hurts),
                "repaired": finding in repaired,
            }
            for finding in made.findings
        ],
    }


def _print(made: "FsckReport", repaired: list["Finding"]) -> None:
    for finding in made.findings:
        typer.echo(_line(finding, is_repaired=finding in repaired))
        for name in finding.hurts:
            typer.echo(f"    uploading it again heals {name}")
    looked = f"{made.blobs:,} blobs of {text_format.format_size(made.size_bytes)}"
    young = f", {made.young:,} of them too young to have a row" if made.young else ""
    typer.echo(f"Looked at {looked}{young}, and {made.files:,} files.")
    if made.is_sound:
        typer.echo("All is sound.")
    else:
        done = f", {len(repaired):,} repaired" if repaired else ""
        typer.echo(f"{len(made.findings):,} found{done}.")
    if not made.is_sound and not repaired:
        typer.echo("symdepot fsck --repair does about it what is safe.")


def _line(finding: "Finding", *, is_repaired: bool) -> str:
    wrong = _SENTENCES[finding.fault.value, finding.subject.value]
    done = f"; {_REPAIRED[finding.fault.value]}" if is_repaired else ""
    return f"{finding.subject.value} {finding.checksum}: {wrong}{done}."
