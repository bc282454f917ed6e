"""Options that several commands have. Each is a setting, and wins over it.

A project, as it is typed.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from symdepot.server import setup

_SETTINGS = "Settings"

DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Where the data lies, instead of ./data. [SYMDEPOT_DATA_DIR]",
        rich_help_panel=_SETTINGS,
    ),
]
PublicUrl = Annotated[
    str | None,
    typer.Option(
        help="How clients reach the server, if not at http://127.0.0.1:PORT. "
        "[SYMDEPOT_PUBLIC_URL]",
        metavar="URL",
        rich_help_panel=_SETTINGS,
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        help="The address to listen on; 0.0.0.0 is all of them. [SYMDEPOT_HOST]",
        rich_help_panel=_SETTINGS,
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        help="The port to listen on. [SYMDEPOT_PORT]", rich_help_panel=_SETTINGS
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        help="How many background workers to run. [SYMDEPOT_WORKERS]",
        rich_help_panel=_SETTINGS,
    ),
]


if TYPE_CHECKING:
    from symdepot.projects.models import Project

PLACE_WORDS = "The organization and its project."
ProjectArgument = Annotated[
    str, typer.Argument(help=PLACE_WORDS, metavar="ORG/PROJECT")
]


def setup_project(place: str, data_dir: DataDir) -> "Project":
    """Enter the house and return the project that is meant.

    Raises:
        BadParameter: `place` is not of the form ORG/PROJECT.
        OrganizationMissing, ProjectMissing: there is none.
    """
    organization, slash, slug = place.partition("/")
    if not slash:
        raise typer.BadParameter(f"write it as ORG/PROJECT, not as {place!r}")
    setup.setup(data_dir=data_dir)
    from symdepot.projects import access

    return access.project(organization, slug)
