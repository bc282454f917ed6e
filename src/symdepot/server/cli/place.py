"""A project, as it is typed."""

from typing import TYPE_CHECKING, Annotated

import typer

from symdepot.server import house
from symdepot.server.cli.options import DataDir

if TYPE_CHECKING:
    from symdepot.projects.models import Project

PLACE_WORDS = "The organization and its project."
Place = Annotated[str, typer.Argument(help=PLACE_WORDS, metavar="ORG/PROJECT")]


def project(place: str, data_dir: DataDir) -> "Project":
    """Enter the house and return the project that is meant.

    Raises:
        BadParameter: `place` is not of the form ORG/PROJECT.
        OrganizationMissing, ProjectMissing: there is none.
    """
    organization, slash, slug = place.partition("/")
    if not slash:
        raise typer.BadParameter(f"write it as ORG/PROJECT, not as {place!r}")
    house.enter(data_dir=data_dir)
    from symdepot.projects import access

    return access.project(organization, slug)
