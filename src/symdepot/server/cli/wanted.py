"""`symdepot wanted`."""

import json
from itertools import batched
from typing import Annotated, Any

import typer

from symdepot.domain import text_format
from symdepot.server.cli import arguments
from symdepot.server.cli.arguments import DataDir, ProjectArgument

EXAMPLES = "What to upload next: symdepot wanted acme/rocket --most --limit 10"
_AT_ONCE = 100


def wanted(
    where: ProjectArgument,
    *,
    most: Annotated[
        bool, typer.Option("--most", help="The most wanted first, not the latest.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(help="Only so many of them.", min=1)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, one object a line.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """List the ids that were asked for and are not here, the latest first.

    Below each: what is here that is almost it, and why it is not.
    """
    project = arguments.setup_project(where, data_dir)
    from symdepot.debugfiles import missing_ids as ids
    from symdepot.symcaches import status

    order = ids.MissingIdOrder.MOST if most else ids.MissingIdOrder.LATEST
    for rows in batched(ids.list_ids(project, order)[:limit].iterator(), _AT_ONCE):
        for told in status.missing_ids_as_json(project, rows):
            typer.echo(json.dumps(told) if as_json else _lines(told))


def _lines(told: dict[str, Any]) -> str:
    near = [f"    {text_format.printable(miss['text'])}" for miss in told["nearMisses"]]
    return "\n".join([_line(told), *near])


def _line(told: dict[str, Any]) -> str:
    names = [told[key] for key in ("debugId", "codeId", "name") if told[key]]
    return text_format.printable(
        f"{told['count']} times, last {told['lastAsked']} by {told['askedBy']}: "
        + ", ".join(map(str, names))
    )
