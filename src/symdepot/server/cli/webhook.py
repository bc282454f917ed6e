"""`symdepot webhook`."""

from typing import Annotated

import typer

from symdepot.server import setup
from symdepot.server.cli import arguments
from symdepot.server.cli.arguments import DataDir, ProjectArgument

app = typer.Typer(
    name="webhook",
    help="Manage webhooks, which notify other servers of new debug files.",
    no_args_is_help=True,
)


@app.command(epilog="Example: symdepot webhook add acme/rocket https://ci.example.com/")
def add(
    project: ProjectArgument,
    url: Annotated[str, typer.Argument(help="The URL to POST each new revision to.")],
    data_dir: DataDir = None,
) -> None:
    """Add a webhook; print the secret with which its requests are signed.

    Standard output has nothing but the secret, which is not shown again.
    docs/protocols/webhooks.md describes how to verify the signature.
    """
    found = arguments.setup_project(project, data_dir)
    from symdepot.projects import webhooks

    typer.echo(webhooks.add(found, url, by=setup.cli_actor()).secret)


@app.command(name="list", epilog="Example: symdepot webhook list acme/rocket")
def list_(project: ProjectArgument, data_dir: DataDir = None) -> None:
    """List webhooks, and the revision that each has received."""
    found = arguments.setup_project(project, data_dir)
    from symdepot.projects import webhooks

    for row in webhooks.list_webhooks(found):
        typer.echo(
            f"{row.pk}  {row.url}  received revision {row.told_revision} "
            f"of {found.revision}: {webhooks.describe_state(row)}"
        )


@app.command(epilog="Example: symdepot webhook remove acme/rocket 3")
def remove(
    project: ProjectArgument,
    number: Annotated[
        int,
        typer.Argument(
            help="Its number in the output of `symdepot webhook list`.", metavar="N"
        ),
    ],
    data_dir: DataDir = None,
) -> None:
    """Remove a webhook."""
    found = arguments.setup_project(project, data_dir)
    from symdepot.projects import webhooks

    removed = webhooks.remove(found, number, by=setup.cli_actor())
    typer.echo(f"Removed webhook {number} ({removed.url}).")
