"""`symdepot webhook`."""

from typing import Annotated

import typer

from symdepot.server import setup
from symdepot.server.cli import arguments
from symdepot.server.cli.arguments import DataDir, ProjectArgument

app = typer.Typer(
    name="webhook",
    help="Have others told when debug files have come.",
    no_args_is_help=True,
)


@app.command(epilog="Example: symdepot webhook add acme/rocket https://ci.example.com/")
def add(
    where: ProjectArgument,
    url: Annotated[str, typer.Argument(help="Where to POST each new revision.")],
    data_dir: DataDir = None,
) -> None:
    """Tell a URL of new debug files; print the secret that signs what it is told.

    The secret, and nothing else, goes to standard output, and is not shown again.
    docs/protocols/webhooks.md says how to check the signature.
    """
    project = arguments.setup_project(where, data_dir)
    from symdepot.projects import webhooks

    typer.echo(webhooks.add(project, url, by=setup.cli_actor()).secret)


@app.command(name="list", epilog="Example: symdepot webhook list acme/rocket")
def list_(where: ProjectArgument, data_dir: DataDir = None) -> None:
    """List webhooks, and how far the telling has come."""
    project = arguments.setup_project(where, data_dir)
    from symdepot.projects import webhooks

    for row in webhooks.list_webhooks(project):
        typer.echo(
            f"{row.pk}  {row.url}  told of revision {row.told_revision} "
            f"of {project.revision}: {webhooks.describe_state(row)}"
        )


@app.command(epilog="Example: symdepot webhook remove acme/rocket 3")
def remove(
    where: ProjectArgument,
    number: Annotated[
        int,
        typer.Argument(
            help="Its number, as `symdepot webhook list` tells.", metavar="N"
        ),
    ],
    data_dir: DataDir = None,
) -> None:
    """Tell a URL no more."""
    project = arguments.setup_project(where, data_dir)
    from symdepot.projects import webhooks

    removed = webhooks.remove(project, number, by=setup.cli_actor())
    typer.echo(f"Webhook {number} ({removed.url}) is told nothing from now on.")
