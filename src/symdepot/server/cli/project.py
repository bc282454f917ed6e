"""`symdepot project`."""

from dataclasses import replace
from typing import Annotated

import typer

from symdepot.server import setup
from symdepot.server.cli import arguments
from symdepot.server.cli.arguments import DataDir, ProjectArgument

_NUMBER = "N|none"
_MAX_NUMBER = 100_000

app = typer.Typer(
    name="project",
    help="Manage projects, which debug files are uploaded to.",
    no_args_is_help=True,
)


@app.command(epilog="Example: symdepot project create acme/rocket")
def create(
    project: Annotated[
        str,
        typer.Argument(
            help="An existing organization, and the name of the project in URLs.",
            metavar=arguments.PROJECT_METAVAR,
        ),
    ],
    data_dir: DataDir = None,
) -> None:
    """Create a project in an organization."""
    organization, slug = arguments.parse_project(project)
    setup.setup(data_dir=data_dir)
    from symdepot.projects import organizations

    owner = organizations.get_organization(organization)
    organizations.create_project(owner, slug, by=setup.cli_actor())
    typer.echo(
        f"Created project {project!r}. "
        f"Next: symdepot token create {organization} --project {slug}"
    )


@app.command(name="set", epilog="Example: symdepot project set acme/rocket --public")
def set_(
    project: ProjectArgument,
    *,
    public: Annotated[
        bool | None,
        typer.Option(help="Whether debug files can be read without a token."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Change or show whether debuggers need a token to read debug files."""
    found = arguments.setup_project(project, data_dir)
    from symdepot.projects import organizations

    if public is not None:
        organizations.set_public(found, is_public=public, by=setup.cli_actor())
        found.refresh_from_db()
    token = "without a token" if found.is_public else "only with a token"
    typer.echo(f"The debug files of {project} can be read {token}.")


@app.command(epilog="Example: symdepot project retention acme/rocket --unused-days 90")
def retention(
    project: ProjectArgument,
    *,
    unused_days: Annotated[
        str | None,
        typer.Option(
            help="Delete files that were not used for N days.", metavar=_NUMBER
        ),
    ] = None,
    days: Annotated[
        str | None,
        typer.Option(help="Delete files N days after their upload.", metavar=_NUMBER),
    ] = None,
    releases: Annotated[
        str | None,
        typer.Option(
            help="Delete files that belong only to releases before the newest N.",
            metavar=_NUMBER,
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Change or show how long a project keeps its debug files; none is forever.

    Files to which any rule applies are deleted by the next `symdepot gc`, or within a
    day.
    """
    given = {"unused_days": unused_days, "days": days, "releases": releases}
    changes = {k: _parse_number(v) for k, v in given.items() if v is not None}
    found = arguments.setup_project(project, data_dir)
    from symdepot.projects import organizations

    rules = organizations.retention(found)
    if changes:
        rules = replace(rules, **changes)
        organizations.set_retention(found, rules, by=setup.cli_actor())
    older = "if they belong only to releases before the newest {}"
    for number, rule, no_rule in (
        (rules.unused_days, "after {} days without use", "for not being used"),
        (rules.days, "{} days after upload", "for their age"),
        (rules.releases, older, "for their releases"),
    ):
        typer.echo(
            f"{project}: debug files are never deleted {no_rule}."
            if number is None
            else f"{project}: debug files are deleted {rule.format(number)}."
        )


def _parse_number(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal() or not 0 < int(text) <= _MAX_NUMBER:
        raise typer.BadParameter(f"{text!r} is neither a number from 1 on nor none")
    return int(text)
