"""`symdepot doctor`."""

from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from symdepot.server import setup
from symdepot.server.cli.arguments import DataDir, PublicUrl

if TYPE_CHECKING:
    from symdepot.server.doctor.checks import CheckResult

EXAMPLES = "While the server runs: symdepot doctor"

_MARKS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("-", "yellow")}


def doctor(data_dir: DataDir = None, *, public_url: PublicUrl = None) -> None:
    """Check everything there is, and say what is wrong and what to do.

    Looks at settings, storage, database, clock, sandbox, workers and the server, and
    sends a small upload all the way. Ends with status 1 if anything is wrong.
    """
    setup.setup(data_dir=data_dir, public_url=public_url, migrated=False)
    from symdepot.server.doctor import checks

    console = Console(highlight=False, soft_wrap=True)
    findings = []
    for finding in checks.run_checks():
        console.print(_rendered(finding))
        findings.append(finding)
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)


def _rendered(finding: "CheckResult") -> Text:
    mark, style = _MARKS[finding.is_well]
    return Text.assemble((f"{mark} {finding.subject}", style), f": {finding.sentence}")
