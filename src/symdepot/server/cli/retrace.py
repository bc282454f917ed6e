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

_MAX_LISTED = 10


def retrace(
    project: ProjectArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The text to read; standard input by default.",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ] = None,
    *,
    uuid: Annotated[
        str | None, typer.Option(help="The id of the mapping to use.", metavar="UUID")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, with mapping and frame count.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Print a text with its stack traces restored to the names before ProGuard or R8.

    Without --uuid, uses the mapping whose id is in the text, or that R8 names there, or
    the only one of the project.
    """
    found = arguments.setup_project(project, data_dir)
    from symdepot.debugfiles import usage
    from symdepot.symbolication import mapping_queries

    content = sys.stdin.buffer.read() if file is None else file.read_bytes()
    # Bytes that are not UTF-8 come out unchanged.
    text = content.decode("utf-8", "surrogateescape")
    if uuid is None:
        mapping = _mapping_for_text(found, project, text)
    else:
        mapping = _mapping_by_uuid(found, uuid)
    usage.mark_used(found, [mapping])
    retraced = mapping_queries.retrace_text(text, mapping)
    if as_json:
        answer = {
            "mapping": mapping.debug_id,
            "frames_found": retraced.frames_found,
            "text": retraced.text.encode("utf-8", "replace").decode(),
        }
        typer.echo(json.dumps(answer, indent=2))
    else:
        typer.echo(retraced.text.encode("utf-8", "surrogateescape"), nl=False)


def _mapping_by_uuid(project: "Project", uuid: str) -> "DebugFile":
    from symdepot.debugfiles import project_files
    from symdepot.domain.errors import DebugFileMissing
    from symdepot.domain.ids import DebugId
    from symdepot.domain.objects import Format

    try:
        debug_id = DebugId.parse(uuid)
    except ValueError:
        raise typer.BadParameter(f"{uuid!r} is no id of a mapping") from None
    mappings = project_files.by_ids(project, debug_id, None, [Format.PROGUARD])
    if not mappings:
        raise DebugFileMissing(uuid)
    return mappings[0]


def _mapping_for_text(project: "Project", name: str, text: str) -> "DebugFile":
    from symdepot.debugfiles import mapping_candidates
    from symdepot.domain.jvm import stack_text

    candidates = mapping_candidates.candidates_for_text(project, text)
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        named = "that R8 names in the text" if stack_text.r8_map_ids(text) else "at all"
        command = "sentry-cli upload-proguard mapping.txt"
        raise typer.BadParameter(f"{name} has no mapping {named}; upload it: {command}")
    listed = [
        f"{row.debug_id} of {row.created_at:%Y-%m-%d %H:%M}"
        for row in candidates[:_MAX_LISTED]
    ]
    more = len(candidates) - len(listed)
    others = f", and {more} older ones" if more else ""
    raise typer.BadParameter(
        f"choose a mapping with --uuid: {name} has {', '.join(listed)}{others}"
    )
