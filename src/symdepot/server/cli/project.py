"""`symdepot project`."""

from typing import Annotated

import typer

from symdepot.server import house
from symdepot.server.cli.options import DataDir

app = typer.Typer(
    name="project",
    help="Make projects, which debug files are uploaded to.",
    no_args_is_help=True,
)


@app.command(epilog="Example: symdepot project create acme/rocket")
def create(
    place: Annotated[
        str,
        typer.Argument(
            help="The organization, which must be there, and the project's name in URLs.",
            metavar="ORG/PROJECT",
        ),
    ],
    data_dir: DataDir = None,
) -> None:
    """Make a project in an organization."""
    organization, slash, slug = place.partition("/")
    if not slash:
        raise typer.BadParameter(f"write it as ORG/PROJECT, not as {place!r}")
    house.enter(data_dir=data_dir)
    from symdepot.projects import access, founding

    founding.found_project(access.organization(organization), slug)
    typer.echo(
        f"Project {place!r} is made. "
        f"Next: symdepot token create {organization} --project {slug}"
    )
