"""`symdepot token`."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from symdepot.server import setup
from symdepot.server.cli.arguments import DataDir, PublicUrl

if TYPE_CHECKING:
    from symdepot.projects.models import Token

SCOPES = (
    "project:read",
    "project:releases",
    "org:ci",
    "project:write",
    "project:admin",
)
"""The values of `tokens.Scope`, which cannot be imported before the command runs."""

_DEFAULT_SCOPES = ["project:releases", "project:read"]

app = typer.Typer(
    name="token",
    help="Manage tokens, with which clients authenticate.",
    no_args_is_help=True,
)


def _parse_scope(scope: str) -> str:
    if scope not in SCOPES:
        raise typer.BadParameter(f"{scope!r} is none of {', '.join(SCOPES)}")
    return scope


@app.command(
    epilog="For CI: symdepot token create acme --label ci\n\n"
    "That may delete, too: symdepot token create acme --scope project:write\n\n"
    "For gdb: symdepot token create acme --url"
)
def create(  # noqa: PLR0913 -- each is an option
    org: Annotated[str, typer.Argument(help="The organization.")],
    *,
    project: Annotated[
        str | None, typer.Option(help="Restrict it to one project.")
    ] = None,
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it may do; can be repeated. project:read lists and downloads, "
            "project:releases and org:ci list and upload, project:write and "
            "project:admin do all that and delete.",
            parser=_parse_scope,
            metavar="SCOPE",
        ),
    ] = _DEFAULT_SCOPES,
    url: Annotated[
        bool,
        typer.Option(
            "--url",
            help="Create a read-only token to use in a URL, as in "
            "http://HOST/s/TOKEN/, for debuggers.",
        ),
    ] = False,
    label: Annotated[
        str, typer.Option(help="A note to recognise it by in lists and logs.")
    ] = "",
    expires_in_days: Annotated[
        int | None, typer.Option(help="Days until it expires; never by default.", min=1)
    ] = None,
    public_url: PublicUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Create a token and print it, and nothing else. It cannot be shown again.

    The token contains the URL of the server and the organization, for sentry-cli. If
    the server was started with a public URL or port of its own, pass the same here.
    """
    if url and scope != _DEFAULT_SCOPES:
        raise typer.BadParameter("a token for URLs may read only; leave out --scope")
    setup.setup(data_dir=data_dir, public_url=public_url)
    from symdepot.projects import organizations, tokens

    owner = (
        organizations.get_project(org, project)
        if project
        else organizations.get_organization(org)
    )
    lifetime = timedelta(days=expires_in_days or 0)
    expires_at = timezone.now() + lifetime if expires_in_days else None
    by = setup.cli_actor()
    if url:
        token = tokens.create_url_token(
            owner, by=by, label=label, expires_at=expires_at
        )
    else:
        scopes = [tokens.Scope(name) for name in scope]
        token = tokens.create_token(
            owner, scopes=scopes, by=by, label=label, expires_at=expires_at
        )
    typer.echo(token)


@app.command(name="list", epilog="Example: symdepot token list acme")
def list_(
    org: Annotated[
        str | None, typer.Argument(help="Only tokens of this organization.")
    ] = None,
    *,
    data_dir: DataDir = None,
) -> None:
    """List tokens: what they may do, when they expire, when they were last used.

    The tokens themselves are not stored; only their last characters are shown.
    """
    setup.setup(data_dir=data_dir)
    from symdepot.projects import organizations, tokens

    table = Table(
        *("id", "token", "label", "for", "scopes", "created", "last used", "expires"),
        box=None,
    )
    for row in tokens.list_tokens(organizations.get_organization(org) if org else None):
        table.add_row(*_cells(row))
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(table)


@app.command(epilog="Example: symdepot token revoke 3")
def revoke(
    token_id: Annotated[
        int,
        typer.Argument(
            help="Its id in the output of `symdepot token list`.", metavar="ID"
        ),
    ],
    *,
    data_dir: DataDir = None,
) -> None:
    """Revoke a token at once and for good."""
    setup.setup(data_dir=data_dir)
    from symdepot.projects import tokens

    row = tokens.by_number(token_id)
    tokens.revoke(row, by=setup.cli_actor())
    typer.echo(f"Revoked token {token_id} ({row}).")


def _cells(row: "Token") -> list[str]:
    owner = f"{row.organization}" + (f"/{row.project}" if row.project else "")
    expires = f"{row.expires_at:%Y-%m-%d %H:%M}" if row.expires_at else "never"
    return [
        str(row.pk),
        f"…{row.hint}",
        row.label,
        owner,
        " ".join(row.scopes),
        f"{row.created_at:%Y-%m-%d %H:%M}",
        f"{row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never",
        "revoked" if row.revoked_at else expires,
    ]
