"""`symdepot org`."""

from typing import Annotated

import typer

from symdepot.server import house
from symdepot.server.cli.options import DataDir

app = typer.Typer(
    name="org", help="Make organizations, which own projects.", no_args_is_help=True
)


@app.command(epilog="Example: symdepot org create acme")
def create(
    slug: Annotated[str, typer.Argument(help="Its name in URLs: a-z, 0-9, - and _.")],
    data_dir: DataDir = None,
) -> None:
    """Make an organization."""
    house.enter(data_dir=data_dir)
    from symdepot.projects import founding

    founding.found_organization(slug)
    typer.echo(
        f"Organization {slug!r} is made. Next: symdepot project create {slug}/PROJECT"
    )
