"""`symdepot worker`."""

from typing import Annotated

import typer

from symdepot.server import setup, supervisor
from symdepot.server.cli.arguments import DataDir

EXAMPLES = """
SYMDEPOT_DATABASE_URL=postgres://… SYMDEPOT_BLOB_URL=s3://… symdepot worker
"""


def worker(
    data_dir: DataDir = None,
    *,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run one more background worker.

    `symdepot serve` runs some by itself. More of them, on this machine or on others,
    need the same settings as the server: the same database and the same storage.
    Stop it with Ctrl-C: the file in work is finished first.
    """
    if parent is not None:
        supervisor.die_with_parent(parent)
    setup.setup(data_dir=data_dir)
    from symdepot.server import task_worker

    task_worker.work()
