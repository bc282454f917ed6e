"""`symdepot audit`."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from symdepot.domain import text_format
from symdepot.server import setup
from symdepot.server.cli.arguments import DataDir

EXAMPLES = """
The last month, to be kept elsewhere: symdepot audit acme --since 2026-11-01 --json

Who made tokens: symdepot audit acme --action token.minted
"""

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


def audit(  # noqa: PLR0913 -- each is an option
    org: Annotated[str, typer.Argument(help="The organization.", metavar="ORG")],
    *,
    project: Annotated[
        str | None, typer.Option(help="Only what was done in this project of it.")
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="Only this, such as token.minted.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(help="From then on; UTC unless it says a zone.", formats=_TIMES),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Until before then.", formats=_TIMES)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, one object a line.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Tell who did what, oldest first: uploads, deletions, tokens, settings."""
    setup.setup(data_dir=data_dir)
    from symdepot.projects import access
    from symdepot.projects import audit as log

    asked = log.AuditQuery(
        project=project,
        action=_known(action, log.Action) if action else None,
        since=log.as_utc(since),
        until=log.as_utc(until),
    )
    for entry in log.export(access.organization(org), asked):
        told = log.as_json(entry)
        typer.echo(
            json.dumps({"organization": org, **told}) if as_json else _line(told)
        )


def _known[Action: StrEnum](action: str, actions: type[Action]) -> Action:
    try:
        return actions(action)
    except ValueError:
        raise typer.BadParameter(
            f"{action!r} is none of {', '.join(actions)}"
        ) from None


def _line(told: dict[str, object]) -> str:
    place = f"{told['project']}: " if told["project"] else ""
    details = json.dumps(told["details"]) if told["details"] else ""
    line = (
        f"{told['at']}  {told['actor']}  {told['action']}  "
        f"{place}{told['subject']}  {details}"
    )
    return text_format.printable(line.rstrip())
