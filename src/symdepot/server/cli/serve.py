"""`symdepot serve`, `symdepot worker` and `symdepot doctor`."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from symdepot.server import setup, supervisor
from symdepot.server.cli.arguments import DataDir, Host, Port, PublicUrl, Workers

if TYPE_CHECKING:
    from symdepot.server.doctor.checks import CheckResult

SERVE_EXAMPLES = """
On this machine only: symdepot serve

Behind a proxy: symdepot serve --host 0.0.0.0 --public-url https://symbols.example.com
"""
WORKER_EXAMPLES = """
SYMDEPOT_DATABASE_URL=postgres://… SYMDEPOT_BLOB_URL=s3://… symdepot worker
"""
DOCTOR_EXAMPLES = "While the server runs: symdepot doctor"

_MARKS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("-", "yellow")}


def serve(
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    data_dir: DataDir = None,
    *,
    public_url: PublicUrl = None,
) -> None:
    """Run the server and its background workers.

    Creates the database on the first start, and upgrades it on later ones. The first
    start also creates an organization and a project, both called "default", and prints
    the settings with which sentry-cli uploads to them. Stop the server with Ctrl-C: it
    finishes current requests and uploads first.
    """
    chosen = setup.setup(
        host=host, port=port, workers=workers, data_dir=data_dir, public_url=public_url
    )
    from symdepot.server import launch

    launch.serve(chosen)


def worker(
    data_dir: DataDir = None,
    *,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run one more background worker.

    `symdepot serve` starts some itself. Further ones, on this or other machines, need
    the same settings as the server: the same database and the same storage. Stop it
    with Ctrl-C: it finishes its current file first.
    """
    if parent is not None:
        supervisor.die_with_parent(parent)
    setup.setup(data_dir=data_dir)
    from symdepot.server import task_worker

    task_worker.work()


def doctor(data_dir: DataDir = None, *, public_url: PublicUrl = None) -> None:
    """Check the installation, and print what is wrong and how to fix it.

    Checks settings, storage, database, clock, sandbox, workers and the server, and
    uploads a small file. The exit status is 1 if a check fails.
    """
    setup.setup(data_dir=data_dir, public_url=public_url, migrated=False)
    from symdepot.server.doctor import checks

    console = Console(highlight=False, soft_wrap=True)
    results = []
    for result in checks.run_checks():
        console.print(_check_line(result))
        results.append(result)
    if not all(result.is_ok for result in results):
        raise typer.Exit(1)


def _check_line(result: "CheckResult") -> Text:
    mark, style = _MARKS[result.is_ok]
    return Text.assemble((f"{mark} {result.subject}", style), f": {result.sentence}")
