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
    help="Make organizations, which own projects; see what they keep.",
    no_args_is_help=True,
)


@app.command(epilog="Example: symdepot org create acme")
def create(
    slug: Annotated[str, typer.Argument(help="Its name in URLs: a-z, 0-9, - and _.")],
    data_dir: DataDir = None,
) -> None:
    """Make an organization."""
    setup.setup(data_dir=data_dir)
    from symdepot.projects import organizations

    organizations.create_organization(slug, by=setup.cli_actor())
    typer.echo(
        f"Organization {slug!r} is made. Next: symdepot project create {slug}/PROJECT"
    )


@app.command("list", epilog="Example: symdepot org list")
def list_(data_dir: DataDir = None) -> None:
    """List organizations, and how much each keeps of how much it may."""
    setup.setup(data_dir=data_dir)
    from symdepot.projects import access
    from symdepot.uploads import quota

    organizations = access.organizations()
    used = quota.used_by_organization(organizations)
    for organization in organizations:
        typer.echo(_usage(organization, used.get(organization.pk, 0)))


@app.command(epilog="Example: symdepot org show acme")
def show(
    slug: Annotated[str, typer.Argument(help="The organization.")],
    data_dir: DataDir = None,
) -> None:
    """Say how much an organization keeps, and how much of that each project has.

    What several projects share counts once for the organization, and for each project.
    """
    setup.setup(data_dir=data_dir)
    from symdepot.debugfiles import usage
    from symdepot.projects import access
    from symdepot.uploads import quota

    organization = access.organization(slug)
    typer.echo(_usage(organization, quota.used_bytes(organization)))
    room = usage.usage_by_project(organization)
    for project in access.projects(organization):
        has = room[project.pk]
        typer.echo(
            f"  {project}: {text_format.format_size(has.size_bytes)} "
            f"in {has.debug_files:,} debug files"
        )


@app.command("set", epilog="Example: symdepot org set acme --quota 500GB")
def change(
    slug: Annotated[str, typer.Argument(help="The organization.")],
    chunk_upload: Annotated[
        bool | None,
        typer.Option(
            "--chunk-upload/--no-chunk-upload",
            help="Whether clients are told to send chunks. sentry-cli before 3.0 sends "
            "zips otherwise; newer ones send chunks all the same.",
            show_default=False,
        ),
    ] = None,
    quota: Annotated[
        str | None,
        typer.Option(
            help="How much it may keep, such as 500GB or 1.5TiB; none is no limit.",
            metavar="SIZE|none",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Change what holds for an organization."""
    quota_bytes = None if quota is None else _size(quota)
    setup.setup(data_dir=data_dir)
    from symdepot.projects import access, organizations

    organization = access.organization(slug)
    if chunk_upload is not None:
        organizations.set_chunk_upload(
            organization, on=chunk_upload, by=setup.cli_actor()
        )
        told = "send chunks" if chunk_upload else "send zips, if they know how"
        typer.echo(f"Clients of {slug!r} are told to {told}.")
    if quota is not None:
        organizations.set_quota(organization, quota_bytes, by=setup.cli_actor())
        may = (
            "no quota"
            if quota_bytes is None
            else f"{text_format.format_size(quota_bytes)} of quota"
        )
        typer.echo(f"Organization {slug!r} has {may}.")


def _size(text: str) -> int | None:
    if text == "none":
        return None
    try:
        return text_format.parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _usage(organization: "Organization", used_bytes: int) -> str:
    may = organization.quota_bytes
    of = "no quota" if may is None else f"a quota of {text_format.format_size(may)}"
    return f"{organization}: {text_format.format_size(used_bytes)}, {of}"
