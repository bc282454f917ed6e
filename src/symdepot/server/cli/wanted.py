"""`symdepot wanted`."""

import json
from itertools import batched
from typing import Annotated, Any

import typer

from symdepot.domain import text_format
from symdepot.server.cli import arguments
from symdepot.server.cli.arguments import DataDir, JsonLines, ProjectArgument

EXAMPLES = "What to upload next: symdepot wanted acme/rocket --most --limit 10"
_IDS_PER_QUERY = 100


def wanted(
    project: ProjectArgument,
    *,
    most: Annotated[
        bool,
        typer.Option("--most", help="List the most requested first, not the latest."),
    ] = False,
    limit: Annotated[
        int | None, typer.Option(help="Maximum number of ids to list.", min=1)
    ] = None,
    as_json: JsonLines = False,
    data_dir: DataDir = None,
) -> None:
    """List the ids that clients requested and no debug file has, the latest first.

    Below each id: debug files that almost have it, and why they do not serve.
    """
    found = arguments.setup_project(project, data_dir)
    from symdepot.debugfiles import missing_ids
    from symdepot.symcaches import failure_report

    orders = missing_ids.MissingIdOrder
    order = orders.MOST if most else orders.LATEST
    rows = missing_ids.list_ids(found, order)[:limit].iterator()
    for batch in batched(rows, _IDS_PER_QUERY):
        for entry in failure_report.missing_ids_as_json(found, batch):
            typer.echo(json.dumps(entry) if as_json else _lines(entry))


def _lines(entry: dict[str, Any]) -> str:
    names = [entry[key] for key in ("debugId", "codeId", "name") if entry[key]]
    requests = (
        f"{entry['count']} times, last {entry['lastAsked']} by {entry['askedBy']}"
    )
    lines = [f"{requests}: {', '.join(map(str, names))}"]
    lines += [f"    {miss['text']}" for miss in entry["nearMisses"]]
    return "\n".join(map(text_format.printable, lines))
