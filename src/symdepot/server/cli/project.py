"""`symdepot project`."""

from dataclasses import replace
from typing import Annotated

import typer

from symdepot.server import setup
from symdepot.server.cli.arguments import DataDir, ProjectArgument
from symdepot.server.cli.arguments import setup_project as of_name

_NUMBER = "N|none"
_MOST = 100_000

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
    setup.setup(data_dir=data_dir)
    from symdepot.projects import access, organizations

    organizations.create_project(
        access.organization(organization), slug, by=setup.cli_actor()
    )
    typer.echo(
        f"Project {place!r} is made. "
        f"Next: symdepot token create {organization} --project {slug}"
    )


@app.command(name="set", epilog="Example: symdepot project set acme/rocket --public")
def set_(
    place: ProjectArgument,
    *,
    public: Annotated[
        bool | None,
        typer.Option(help="Let anybody read its debug files, without any token."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Say, or show, who may read the debug files of a project with a debugger."""
    found = of_name(place, data_dir)
    from symdepot.projects import access

    if public is not None:
        access.set_public(found, is_public=public, by=setup.cli_actor())
        found.refresh_from_db()
    who = "anybody" if found.is_public else "only bearers of a token"
    typer.echo(f"The debug files of {place} can be read by {who}.")


@app.command(epilog="Example: symdepot project retention acme/rocket --unused-days 90")
def retention(
    place: ProjectArgument,
    *,
    unused_days: Annotated[
        str | None,
        typer.Option(help="Keep unused ones so many days.", metavar=_NUMBER),
    ] = None,
    days: Annotated[
        str | None,
        typer.Option(help="Keep any so many days from its upload.", metavar=_NUMBER),
    ] = None,
    releases: Annotated[
        str | None,
        typer.Option(
            help="Of those that belong to releases, keep those of the newest so many.",
            metavar=_NUMBER,
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Say, or show, how long a project keeps its debug files; none is for ever.

    What goes by any of the rules goes with the next `symdepot gc`, or within a day.
    """
    changes = {
        name: _number(text)
        for name, text in (
            ("unused_days", unused_days),
            ("days", days),
            ("releases", releases),
        )
        if text is not None
    }
    found = of_name(place, data_dir)
    from symdepot.projects import organizations

    held = organizations.retention(found)
    if changes:
        held = replace(held, **changes)
        organizations.set_retention(found, held, by=setup.cli_actor())
    for said, kept in (
        ("unused for {} days", held.unused_days),
        ("uploaded {} days ago", held.days),
        ("of none of the newest {} releases", held.releases),
    ):
        rule = "keeps" if kept is None else "lets go"
        number = "any number of" if kept is None else str(kept)
        typer.echo(f"{place} {rule} what is {said.format(number)}.")


def _number(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal() or not 0 < int(text) <= _MOST:
        raise typer.BadParameter(f"{text!r} is neither a number from 1 on nor none")
    return int(text)
