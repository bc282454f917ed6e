"""Options and arguments that several commands have.

The options of the panel "Settings" override the environment variable in brackets.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.models import OptionInfo

from symdepot.server import setup

if TYPE_CHECKING:
    from symdepot.projects.models import Project


def _setting(text: str, metavar: str | None = None) -> OptionInfo:
    option: OptionInfo = typer.Option(
        help=text, metavar=metavar, rich_help_panel="Settings"
    )
    return option


DataDir = Annotated[
    Path | None, _setting("Folder of the data; ./data by default. [SYMDEPOT_DATA_DIR]")
]
PublicUrl = Annotated[
    str | None,
    _setting(
        "URL by which clients reach the server; http://127.0.0.1:PORT by default. "
        "[SYMDEPOT_PUBLIC_URL]",
        "URL",
    ),
]
Host = Annotated[
    str | None,
    _setting("Address to listen on; 0.0.0.0 is all addresses. [SYMDEPOT_HOST]"),
]
Port = Annotated[int | None, _setting("Port to listen on. [SYMDEPOT_PORT]")]
Workers = Annotated[
    int | None, _setting("Number of background workers. [SYMDEPOT_WORKERS]")
]
JsonLines = Annotated[bool, typer.Option("--json", help="As JSON, one object a line.")]

PROJECT_HELP = "The organization and its project."
PROJECT_METAVAR = "ORG/PROJECT"
ProjectArgument = Annotated[
    str, typer.Argument(help=PROJECT_HELP, metavar=PROJECT_METAVAR)
]


def parse_project(text: str) -> tuple[str, str]:
    """Return the slugs of the organization and the project in `ORG/PROJECT`.

    Raises:
        BadParameter: `text` has another form.
    """
    organization, slash, project = text.partition("/")
    if not slash:
        raise typer.BadParameter(f"write it as ORG/PROJECT, not as {text!r}")
    return organization, project


def setup_project(text: str, data_dir: DataDir) -> "Project":
    """Set up Django and return the project that `ORG/PROJECT` names.

    Raises:
        BadParameter: `text` has another form.
        OrganizationMissing, ProjectMissing: it does not exist.
    """
    organization, slug = parse_project(text)
    setup.setup(data_dir=data_dir)
    from symdepot.projects import organizations

    return organizations.get_project(organization, slug)
