"""`symdepot retrace`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from symdepot.server.cli import arguments
from symdepot.server.cli.arguments import DataDir, ProjectArgument

if TYPE_CHECKING:
    from symdepot.debugfiles.models import DebugFile
    from symdepot.projects.models import Project

EXAMPLES = """
From a device: adb logcat -d AndroidRuntime:E '*:S' | symdepot retrace acme/rocket
"""

_MOST_LISTED = 10


def retrace(
    where: ProjectArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="What to read, instead of standard input.",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ] = None,
    *,
    uuid: Annotated[
        str | None, typer.Option(help="Which mapping to use.", metavar="UUID")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, with what was found.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Print a text with the stack traces in it as they were before ProGuard or R8.

    Without --uuid, the mapping is the one whose id stands in the text, or that R8
    names there, or the only one that the project has.
    """
    project = arguments.setup_project(where, data_dir)
    from symdepot.debugfiles import usage
    from symdepot.symbolication import jvm_mappings

    content = sys.stdin.buffer.read() if file is None else file.read_bytes()
    # Whatever is in it comes out again, be it text or not.
    text = content.decode("utf-8", "surrogateescape")
    mapping = _mapping(project, where, text) if uuid is None else _of(project, uuid)
    usage.mark_used(project, [mapping])
    retraced = jvm_mappings.retrace_text(text, mapping)
    if as_json:
        told = {
            "mapping": mapping.debug_id,
            "frames_found": retraced.frames_found,
            "text": retraced.text.encode("utf-8", "replace").decode(),
        }
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo(retraced.text.encode("utf-8", "surrogateescape"), nl=False)


def _of(project: "Project", uuid: str) -> "DebugFile":
    from symdepot.debugfiles import project_files
    from symdepot.domain.errors import DebugFileMissing
    from symdepot.domain.ids import DebugId
    from symdepot.domain.objects import Format

    try:
        debug_id = DebugId.parse(uuid)
    except ValueError:
        raise typer.BadParameter(f"{uuid!r} is no id of a mapping") from None
    found = project_files.by_ids(project, debug_id, None, [Format.PROGUARD])
    if not found:
        raise DebugFileMissing(uuid)
    return found[0]


def _mapping(project: "Project", where: str, text: str) -> "DebugFile":
    from symdepot.debugfiles import proguard_mappings
    from symdepot.domain.jvm import stack_text

    meant = proguard_mappings.candidates_for_text(project, text)
    if len(meant) == 1:
        return meant[0]
    if not meant:
        named = "that R8 names in the text" if stack_text.r8_map_ids(text) else "at all"
        raise typer.BadParameter(
            f"{where} has no mapping {named}; upload it: "
            "sentry-cli upload-proguard mapping.txt"
        )
    listed = [
        f"{row.debug_id} of {row.created_at:%Y-%m-%d %H:%M}"
        for row in meant[:_MOST_LISTED]
    ]
    more = len(meant) - len(listed)
    others = f", and {more} older ones" if more else ""
    raise typer.BadParameter(
        f"say which mapping with --uuid: {where} has {', '.join(listed)}{others}"
    )
