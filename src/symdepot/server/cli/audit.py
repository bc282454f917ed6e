"""`symdepot audit`."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from symdepot.domain import text_format
from symdepot.server import setup
from symdepot.server.cli.arguments import DataDir, JsonLines

EXAMPLES = """
Since the start of a month, to archive it: symdepot audit acme --since 2026-11-01 --json

Who created tokens: symdepot audit acme --action token.minted
"""

_TIME_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


def audit(  # noqa: PLR0913 -- each is an option
    org: Annotated[str, typer.Argument(help="The organization.", metavar="ORG")],
    *,
    project: Annotated[
        str | None, typer.Option(help="Only entries about this project.")
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="Only this action, such as token.minted.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(help="From this time on; UTC by default.", formats=_TIME_FORMATS),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(help="Before this time; UTC by default.", formats=_TIME_FORMATS),
    ] = None,
    as_json: JsonLines = False,
    data_dir: DataDir = None,
) -> None:
    """Show the audit log, oldest first: uploads, deletions, tokens, settings."""
    setup.setup(data_dir=data_dir)
    from symdepot.projects import audit as log
    from symdepot.projects import organizations

    query = log.AuditQuery(
        project=project,
        action=_parse_action(action, log.Action) if action else None,
        since=since,
        until=until,
    )
    for row in log.export(organizations.get_organization(org), query):
        entry = log.as_json(row)
        labelled = {"organization": org, **entry}
        typer.echo(json.dumps(labelled) if as_json else _line(entry))


def _parse_action[Action: StrEnum](action: str, actions: type[Action]) -> Action:
    try:
        return actions(action)
    except ValueError:
        names = ", ".join(actions)
        raise typer.BadParameter(f"{action!r} is none of {names}") from None


def _line(entry: dict[str, object]) -> str:
    project = f"{entry['project']}: " if entry["project"] else ""
    details = json.dumps(entry["details"]) if entry["details"] else ""
    line = (
        f"{entry['at']}  {entry['actor']}  {entry['action']}  "
        f"{project}{entry['subject']}  {details}"
    )
    return text_format.printable(line.rstrip())
