"""`symdepot wanted`."""

import json
from typing import Annotated

import typer

from symdepot.server.cli import place, printing
from symdepot.server.cli.options import DataDir
from symdepot.server.cli.place import Place

EXAMPLES = "What to upload next: symdepot wanted acme/rocket --most --limit 10"


def wanted(
    where: Place,
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
    """List the ids that were asked for and are not here, the latest first."""
    project = place.project(where, data_dir)
    from symdepot.debugfiles import wanted as ids

    order = ids.Order.MOST if most else ids.Order.LATEST
    for row in ids.listed(project, order)[:limit].iterator():
        told = ids.plain(row)
        typer.echo(json.dumps(told) if as_json else _line(told))


def _line(told: dict[str, object]) -> str:
    names = [told[key] for key in ("debugId", "codeId", "name") if told[key]]
    return printing.safe(
        f"{told['count']} times, last {told['lastAsked']} by {told['askedBy']}: "
        + ", ".join(map(str, names))
    )
