"""`symdepot org`."""

from typing import TYPE_CHECKING, Annotated

import typer

from symdepot.domain import text_format
from symdepot.server import setup
from symdepot.server.cli.arguments import DataDir

if TYPE_CHECKING:
    from symdepot.projects.models import Organization

app = typer.Typer(
    name="org",
    help="Manage organizations, which own projects, and their storage.",
    no_args_is_help=True,
)

OrgArgument = Annotated[str, typer.Argument(help="The organization.")]


@app.command(epilog="Example: symdepot org create acme")
def create(
    slug: Annotated[str, typer.Argument(help="Its name in URLs: a-z, 0-9, - and _.")],
    data_dir: DataDir = None,
) -> None:
    """Create an organization."""
    setup.setup(data_dir=data_dir)
    from symdepot.projects import organizations

    organizations.create_organization(slug, by=setup.cli_actor())
    typer.echo(
        f"Created organization {slug!r}. Next: symdepot project create {slug}/PROJECT"
    )


@app.command("list", epilog="Example: symdepot org list")
def list_(data_dir: DataDir = None) -> None:
    """List organizations, how much each stores, and its quota."""
    setup.setup(data_dir=data_dir)
    from symdepot.projects import organizations
    from symdepot.uploads import quota

    found = organizations.list_organizations()
    used = quota.used_by_organization(found)
    for organization in found:
        typer.echo(_usage(organization, used.get(organization.pk, 0)))


@app.command(epilog="Example: symdepot org show acme")
def show(slug: OrgArgument, data_dir: DataDir = None) -> None:
    """Show how much an organization stores, and how much each of its projects.

    What several projects share counts once for the organization, and for each project.
    """
    setup.setup(data_dir=data_dir)
    from symdepot.debugfiles import usage
    from symdepot.projects import organizations
    from symdepot.uploads import quota

    organization = organizations.get_organization(slug)
    typer.echo(_usage(organization, quota.used_bytes(organization)))
    used = usage.usage_by_project(organization)
    for project in organizations.list_projects(organization):
        of_project = used[project.pk]
        typer.echo(
            f"  {project}: {text_format.format_size(of_project.size_bytes)} "
            f"in {of_project.debug_files:,} debug files"
        )


@app.command("set", epilog="Example: symdepot org set acme --quota 500GB")
def change(
    slug: OrgArgument,
    chunk_upload: Annotated[
        bool | None,
        typer.Option(
            "--chunk-upload/--no-chunk-upload",
            help="Whether clients upload chunks. Without, sentry-cli before 3.0 uploads "
            "zips; newer versions upload chunks all the same.",
            show_default=False,
        ),
    ] = None,
    quota: Annotated[
        str | None,
        typer.Option(
            help="How much it may store, such as 500GB or 1.5TiB; none is no limit.",
            metavar="SIZE|none",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Change the settings of an organization."""
    quota_bytes = None if quota is None else _parse_quota(quota)
    setup.setup(data_dir=data_dir)
    from symdepot.projects import organizations

    organization = organizations.get_organization(slug)
    if chunk_upload is not None:
        organizations.set_chunk_upload(
            organization, on=chunk_upload, by=setup.cli_actor()
        )
        uploads = "chunks" if chunk_upload else "zips, if they support it"
        typer.echo(f"Clients of {slug!r} now upload {uploads}.")
    if quota is not None:
        organizations.set_quota(organization, quota_bytes, by=setup.cli_actor())
        typer.echo(f"Organization {slug!r} now has {_quota_text(quota_bytes)}.")


def _parse_quota(text: str) -> int | None:
    if text == "none":
        return None
    try:
        return text_format.parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _usage(organization: "Organization", used_bytes: int) -> str:
    used = text_format.format_size(used_bytes)
    return f"{organization}: {used}, {_quota_text(organization.quota_bytes)}"


def _quota_text(quota_bytes: int | None) -> str:
    if quota_bytes is None:
        return "no quota"
    return f"a quota of {text_format.format_size(quota_bytes)}"
